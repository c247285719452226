"""Settings for the Kafka client: what may be said, what is refused, and what the refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.kafka_settings import KafkaSettingError, check_kafka_settings, read_kafka_settings
from domain.errors import WrongInputError


def test_toml_and_properties_say_the_same(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    toml, properties = tmp_path / "kafka.toml", tmp_path / "kafka.properties"
    toml.write_text(
        f'security_protocol = "SASL_SSL"\nssl_cafile = "{ca}"\nssl_check_hostname = false\n'
        'sasl_mechanism = "SCRAM-SHA-512"\nsasl_plain_username = "kaoji"\nsasl_plain_password = "0123"\n'
        "session_timeout_ms = 20000\n"
    )
    properties.write_text(
        f"# how to reach Kafka\n\nsecurity_protocol=SASL_SSL\nssl_cafile = {ca}\nssl_check_hostname = False\n"
        "sasl_mechanism=SCRAM-SHA-512\nsasl_plain_username=kaoji\nsasl_plain_password=0123\n"
        "session_timeout_ms = 20000\n"
    )

    read = read_kafka_settings(toml)

    assert read == read_kafka_settings(properties)
    assert (read["sasl_plain_password"], read["session_timeout_ms"]) == ("0123", 20_000)
    assert read["ssl_check_hostname"] is False


@pytest.mark.parametrize(
    "name",
    [
        "isolation_level",
        "auto_offset_reset",
        "enable_auto_commit",
        "group_id",
        "bootstrap_servers",
        "value_deserializer",
    ],
)
def test_what_exactly_once_rests_on_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(KafkaSettingError, match=f"`{name}` is not yours to set: .+"):
        check_kafka_settings({name: "x"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"security.protocol": "SSL"}, "No Kafka setting 'security.protocol'. Did you mean 'security_protocol'?"),
        ({"security_protocol": "TLS"}, "`security_protocol` must be one of PLAINTEXT, SSL, .* not 'TLS'"),
        ({"session_timeout_ms": "10"}, "`session_timeout_ms` must be a whole number, not '10'"),
        ({"session_timeout_ms": True}, "`session_timeout_ms` must be a whole number, not True"),
        ({"session_timeout_ms": -1}, "`session_timeout_ms` must not be negative"),
        ({"check_crcs": 1}, "`check_crcs` must be true or false, not 1"),
        ({"ssl_cafile": "/nowhere/ca.pem"}, "`ssl_cafile`: there is no file /nowhere/ca.pem"),
        ({"sasl_mechanism": "OAUTHBEARER"}, "`sasl_mechanism` must be one of PLAIN, SCRAM"),
    ],
)
def test_wrong_settings_are_told_with_what_to_write(given: dict[str, object], told: str) -> None:
    with pytest.raises(WrongInputError, match=told):
        check_kafka_settings(given)


def test_a_password_is_not_repeated_in_an_error() -> None:
    with pytest.raises(KafkaSettingError) as error:
        check_kafka_settings({"sasl_plain_password": 4711})
    assert "4711" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("kafka.toml", "security_protocol = ", r"kafka\.toml: Invalid value"),
        ("kafka.properties", "security_protocol SSL", r"line 1: write `name = value`"),
        ("kafka.properties", "check_crcs=true\ncheck_crcs=false", r"line 2: `check_crcs` is given twice"),
        ("kafka.properties", "check_crcs=yes", r"`check_crcs` must be true or false"),
        (
            "kafka.properties",
            "isolation_level=read_uncommitted",
            r"kafka\.properties: `isolation_level` is not yours",
        ),
    ],
)
def test_a_settings_file_that_is_wrong_is_named(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(KafkaSettingError, match=told):
        read_kafka_settings(path)


def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KafkaSettingError, match=r"none\.toml cannot be read"):
        read_kafka_settings(tmp_path / "none.toml")
