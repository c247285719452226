"""A real Kafka that demands TLS and an account: who has them is let in, who has not is told; secrets stay so."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import SaslAuthenticationFailedError

from consumers.kafka import GROUP, SILENCE_SECONDS_MAX, consume
from consumers.kafka_log import KafkaAccessError
from consumers.kafka_settings import read_kafka_settings
from consumers.kafka_topics import create_topic, publish
from consumers.kafka_trial import try_reading
from consumers.watch import ConsumerWatch
from domain.errors import WrongInputError
from tests.support.certificates import Authority
from tests.support.command_line import ROOT, surroundings
from tests.support.consuming import lines, now, opened
from tests.support.secure_kafka import ACCOUNT, PASSWORD, SecureKafka, secure_kafka

pytestmark = pytest.mark.kafka

WRONG = "a-wrong-and-secret-password"
TOPIC = "administrative-actions"
Consume = Callable[..., int]


@pytest.fixture(scope="module")
def kafka() -> Iterator[SecureKafka]:
    with secure_kafka() as found:
        create_topic(found.open, TOPIC, partitions=1)
        publish(found.open, TOPIC, lines(20))
        admin = KafkaAdminClient(bootstrap_servers=found.open)
        reading = [(ResourceType.TOPIC, TOPIC), (ResourceType.GROUP, "kaoji")]
        admin.create_acls(
            [
                ACL(f"User:{user}", "*", ACLOperation.ALL, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
                for kind, name in reading
                for user in (ACCOUNT, "CN=client")
            ]
        )
        admin.close()
        yield found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is kept out tries for eight seconds, here in vain; a busy broker needs two to say so."""
    monkeypatch.setattr("consumers.kafka_connecting._BOOTSTRAP_MS_MAX", 3_000)


@pytest.fixture
def recorded(tmp_path: Path) -> Consume:
    """Consumes with these settings, as a file; how many were recorded."""

    def run(
        bootstrap: str,
        *,
        topic: str = TOPIC,
        group: str = GROUP,
        watch: ConsumerWatch | None = None,
        until_idle: float = 0.2,
        **settings: str,
    ) -> int:
        path = tmp_path / "kafka.toml"
        path.write_text("".join(f'{name} = "{value}"\n' for name, value in settings.items()))
        with opened(f"sqlite:///{tmp_path}/kaoji.db", tmp_path) as ledger:
            return consume(
                ledger,
                bootstrap=bootstrap,
                topic=topic,
                group=group,
                clock=now,
                config=read_kafka_settings(path, variable={"KAFKA_PASSWORD": PASSWORD}.get),
                until_idle=until_idle,
                watch=watch,
            ).recorded

    return run


def account(kafka: SecureKafka, **changed: str) -> dict[str, str]:
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(kafka.authority.ca_file),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": ACCOUNT,
        "sasl_plain_password": PASSWORD,
        **changed,
    }


def certified(kafka: SecureKafka, by: Authority | None = None, name: str = "client") -> dict[str, str]:
    given = (by or kafka.authority).give(name)
    return {
        "security_protocol": "SSL",
        "ssl_cafile": str(kafka.authority.ca_file),
        "ssl_certfile": str(given.chain),
        "ssl_keyfile": str(given.key),
    }


# --- let in


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_account_is_let_in_over_tls(kafka: SecureKafka, recorded: Consume, mechanism: str) -> None:
    assert recorded(kafka.sasl, **account(kafka, sasl_mechanism=mechanism)) == 20


def test_password_may_come_from_the_environment(kafka: SecureKafka, recorded: Consume) -> None:
    assert recorded(kafka.sasl, **account(kafka, sasl_plain_password="${env:KAFKA_PASSWORD}")) == 20


def test_certificate_of_a_client_is_let_in(kafka: SecureKafka, recorded: Consume) -> None:
    assert recorded(kafka.tls, **certified(kafka)) == 20


def test_account_is_let_in_without_tls(kafka: SecureKafka, recorded: Consume) -> None:
    settings = account(kafka, security_protocol="SASL_PLAINTEXT")
    del settings["ssl_cafile"]
    assert recorded(kafka.plain_sasl, **settings) == 20


# --- kept out


@pytest.mark.parametrize(
    ("mechanism", "wrong"),
    [("PLAIN", {"sasl_plain_password": WRONG}), ("SCRAM-SHA-512", {"sasl_plain_username": "nobody"})],
)
def test_wrong_account_is_told(
    kafka: SecureKafka, recorded: Consume, mechanism: str, wrong: dict[str, str]
) -> None:
    with pytest.raises(KafkaAccessError, match="does not take the account: Authentication failed") as error:
        recorded(kafka.sasl, **account(kafka, sasl_mechanism=mechanism, **wrong))
    assert WRONG not in str(error.value)


def test_topic_that_the_account_may_not_see_is_not_only_told_to_be_created(
    kafka: SecureKafka, recorded: Consume
) -> None:
    create_topic(kafka.open, "of-others", partitions=1)
    with pytest.raises(WrongInputError, match="give the account the right to read it"):
        recorded(kafka.sasl, topic="of-others", **account(kafka))


@pytest.fixture(scope="module")
def seen_only(kafka: SecureKafka) -> str:
    """A topic that the account may see, and not read."""
    create_topic(kafka.open, "seen-only", partitions=1)
    admin = KafkaAdminClient(bootstrap_servers=kafka.open)
    seen = ResourcePattern(ResourceType.TOPIC, "seen-only")
    admin.create_acls([ACL(f"User:{ACCOUNT}", "*", ACLOperation.DESCRIBE, ACLPermissionType.ALLOW, seen)])
    admin.close()
    return "seen-only"


def test_topic_that_the_account_may_not_read_is_told(
    kafka: SecureKafka, recorded: Consume, seen_only: str
) -> None:
    with pytest.raises(KafkaAccessError, match=r"TopicAuthorizationFailedError.*its right to read the topic"):
        recorded(kafka.sasl, topic=seen_only, **account(kafka))


def test_group_that_the_account_may_not_join_is_told(kafka: SecureKafka, recorded: Consume) -> None:
    with pytest.raises(KafkaAccessError, match=r"GroupAuthorizationFailedError: of-others.*and the group"):
        recorded(kafka.sasl, group="of-others", **account(kafka))


def test_rights_are_tried_without_joining(kafka: SecureKafka, seen_only: str) -> None:
    tried = partial(try_reading, bootstrap=kafka.sasl, config=account(kafka))
    tried(topic=TOPIC, group=GROUP)
    with pytest.raises(KafkaAccessError, match="TopicAuthorizationFailedError"):
        tried(topic=seen_only, group=GROUP)
    with pytest.raises(KafkaAccessError, match="GroupAuthorizationFailedError"):
        tried(topic=TOPIC, group="of-others")


def test_right_that_is_taken_away_later_is_waited_for(kafka: SecureKafka, recorded: Consume) -> None:
    taken = ResourcePattern(ResourceType.TOPIC, TOPIC)
    right = ACL(f"User:{ACCOUNT}", "*", ACLOperation.READ, ACLPermissionType.DENY, taken)
    admin = KafkaAdminClient(bootstrap_servers=kafka.open)
    waited: list[str] = []

    class Watch(ConsumerWatch):
        def recorded(self, *_: object) -> None:
            admin.create_acls([right])

        def waits(self) -> None:
            if not waited:
                # As the client says of an account while it is not taken.
                logging.getLogger("kafka").error("%s", SaslAuthenticationFailedError("not yet"))
            waited.append("for the right")
            admin.delete_acls([right])

    try:
        # Long enough to ask, in the silence, whether Kafka keeps us out.
        assert recorded(kafka.sasl, watch=Watch(), until_idle=SILENCE_SECONDS_MAX + 1, **account(kafka)) == 20
    finally:
        admin.close()
    assert waited == ["for the right"], "what was said before it was given back is forgotten"


def test_mechanism_that_kafka_does_not_know_is_told(kafka: SecureKafka, recorded: Consume) -> None:
    with pytest.raises(KafkaAccessError, match="does not know this sasl_mechanism"):
        recorded(kafka.sasl, **account(kafka, sasl_mechanism="SCRAM-SHA-256"))


def test_certificate_of_another_authority_is_not_trusted(
    kafka: SecureKafka, recorded: Consume, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other", "other")
    with pytest.raises(KafkaAccessError, match=r"cannot be trusted: certificate verify failed: .* ssl_cafile"):
        recorded(kafka.sasl, **account(kafka, ssl_cafile=str(other.ca_file)))


def test_certificate_of_another_name_is_not_trusted(kafka: SecureKafka, recorded: Consume) -> None:
    with pytest.raises(KafkaAccessError, match="not valid for 'localhost'"):
        recorded(kafka.sasl.replace("127.0.0.1", "localhost"), **account(kafka))


def test_client_without_a_certificate_is_told(kafka: SecureKafka, recorded: Consume) -> None:
    settings = {name: text for name, text in certified(kafka).items() if "cert" not in name and "key" not in name}
    with pytest.raises(KafkaAccessError, match=r"does not take our certificate: .* ssl_certfile"):
        recorded(kafka.tls, **settings)


def test_client_with_a_certificate_of_another_authority_is_told(
    kafka: SecureKafka, recorded: Consume, tmp_path: Path
) -> None:
    with pytest.raises(KafkaAccessError, match="does not take our certificate"):
        recorded(kafka.tls, **certified(kafka, by=Authority(tmp_path / "other", "other")))


def test_speaking_without_tls_where_it_is_demanded_is_told(kafka: SecureKafka, recorded: Consume) -> None:
    with pytest.raises(KafkaAccessError, match=r"it may demand TLS\. Check security_protocol"):
        recorded(kafka.sasl)


def test_speaking_tls_where_it_is_not_understood_is_told(kafka: SecureKafka, recorded: Consume) -> None:
    with pytest.raises(KafkaAccessError, match="does not speak TLS as we do"):
        recorded(kafka.open, security_protocol="SSL", ssl_cafile=str(kafka.authority.ca_file))


# --- secrets


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_no_secret_is_printed_or_logged_or_told_to_other_processes(
    kafka: SecureKafka, tmp_path: Path, password: str
) -> None:
    """Not even with every logger at its most talkative, nor in the arguments that `ps` shows."""
    (tmp_path / "password").write_text(password)
    settings = account(kafka)
    del settings["sasl_plain_password"]
    config = tmp_path / "kafka.toml"
    config.write_text(
        "".join(f'{name} = "{text}"\n' for name, text in settings.items())
        + 'sasl_plain_password_file = "password"\n'
    )
    arguments = ["consume", "--bootstrap", kafka.sasl, "--kafka-config", str(config), "--until-idle", "0.2"]
    program = (
        "import logging, sys; logging.basicConfig(level=1); logging.getLogger('kafka').setLevel(1)\n"
        "import consumers.kafka_connecting as connecting; connecting._BOOTSTRAP_MS_MAX = 2000\n"
        "from api.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=surroundings({"KAOJI_STORE": f"sqlite:///{tmp_path}/kaoji.db"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == (0 if password == PASSWORD else 3), done.stderr[-2000:]
    assert "kafka" in done.stderr
    assert password not in done.stdout + done.stderr
    if password == WRONG:
        assert "Traceback" not in done.stderr.rpartition("kaoji: ")[2]
        assert "the account" in done.stderr
        assert not (tmp_path / "kaoji.db").exists()
