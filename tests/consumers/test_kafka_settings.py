"""Settings for the Kafka client: what may be said, what is refused, and what the refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.kafka_settings import KafkaSettingError, check_kafka_settings, read_kafka_settings
from domain.errors import WrongInputError
from tests.support.certificates import Authority

PASSWORD = "never-to-be-shown"
ACCOUNT = 'security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_plain_username = "kaoji"\n'


def test_toml_and_properties_say_the_same(tmp_path: Path) -> None:
    ca = Authority(tmp_path).ca_file
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
        ({"session_timeout_ms": -1}, "`session_timeout_ms` must be from 1 to 2,147,483,647, not -1"),
        ({"retry_backoff_ms": -1}, "`retry_backoff_ms` must be from 0 to "),
        ({"max_poll_records": 0}, "`max_poll_records` must be from 1 to "),
        ({"fetch_max_bytes": 2**31}, "`fetch_max_bytes` must be from 1 to 2,147,483,647"),
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


# --- secrets


def written(folder: Path, text: str) -> Path:
    path = folder / "kafka.toml"
    path.write_text(text)
    return path


def test_password_is_read_from_a_file_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    read = read_kafka_settings(written(tmp_path, f'{ACCOUNT}sasl_plain_password_file = "password"\n'))
    assert read["sasl_plain_password"] == PASSWORD
    assert "sasl_plain_password_file" not in read


@pytest.mark.parametrize("name", ["kafka.toml", "kafka.properties"])
def test_password_is_read_from_the_environment(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = f'{ACCOUNT}sasl_plain_password = "${{env:KAFKA_PASSWORD}}"\n'
    path.write_text(text if name.endswith("toml") else text.replace('"', ""))
    read = read_kafka_settings(path, variable={"KAFKA_PASSWORD": PASSWORD}.get)
    assert read["sasl_plain_password"] == PASSWORD


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "`PLAIN` needs `sasl_plain_password`"),
        ('sasl_plain_password = "${env:NOT_SET}"', "the environment variable NOT_SET is not set"),
        ('sasl_plain_password_file = "none"', "none cannot be read"),
        ('sasl_plain_password_file = "empty"', "empty is empty"),
        (f'sasl_plain_password = "{PASSWORD}"\nsasl_plain_password_file = "empty"', "both given"),
        (f'sasl_plain_password = "{PASSWORD}"\nssl_cafile = "empty"', "there is no file empty"),
    ],
)
def test_secret_that_cannot_be_had_is_told_and_none_is_shown(tmp_path: Path, more: str, told: str) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(KafkaSettingError, match=told) as error:
        read_kafka_settings(written(tmp_path, ACCOUNT + more))
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('security_protocol = "SASL_SSL"', "needs `sasl_mechanism`"),
        ('sasl_mechanism = "PLAIN"', "needs `security_protocol` SASL_SSL"),
        ("ssl_check_hostname = false", "needs `security_protocol` SSL"),
    ],
)
def test_settings_that_need_each_other_are_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(KafkaSettingError, match=told):
        read_kafka_settings(written(tmp_path, text))


@pytest.mark.parametrize("password", ["right", "wrong", None])
def test_encrypted_key_needs_its_password(tmp_path: Path, password: str | None) -> None:
    given = Authority(tmp_path).give("client", password=b"right")
    text = f'security_protocol = "SSL"\nssl_certfile = "{given.chain}"\nssl_keyfile = "{given.key}"\n'
    path = written(tmp_path, text + (f'ssl_password = "{password}"\n' if password else ""))
    if password == "right":
        assert read_kafka_settings(path)["ssl_password"] == "right"
        return
    with pytest.raises(KafkaSettingError, match="do not fit together"):
        read_kafka_settings(path)


def test_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(KafkaSettingError, match="holds no certificate in PEM"):
        read_kafka_settings(written(tmp_path, f'security_protocol = "SSL"\nssl_cafile = "{tmp_path}/ca.pem"\n'))
