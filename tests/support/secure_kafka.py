"""A real Kafka that demands TLS and an account: SASL (PLAIN, SCRAM) over TLS, and certificates of clients."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path

from api.demo.kafka_node import HOST, _Broker, _free_ports, _random_id, _wait_until_ready, cache_folder, fetch_jars
from domain.errors import UnreachableError
from tests.support.certificates import Authority
from tests.support.missing import without

_PROTOCOLS = ("PLAINTEXT", "SASL_SSL", "SSL", "SASL_PLAINTEXT")
ACCOUNT, PASSWORD = "kaoji", "correct-horse-battery-staple"


@dataclass(frozen=True)
class SecureKafka:
    """Its addresses, by what they demand, and the authority whose certificates it trusts."""

    open: str
    sasl: str
    tls: str
    plain_sasl: str
    authority: Authority


@contextmanager
def secure_kafka() -> Iterator[SecureKafka]:
    """Starts one. Ends the test where none can be started."""
    with tempfile.TemporaryDirectory(prefix="kaoji-certificates-") as given:
        authority = Authority(Path(given))
        ports = _free_ports(5)
        try:
            jars = fetch_jars(cache_folder(environ))
            folder = Path(tempfile.mkdtemp(prefix="kaoji-kafka-"))
            broker = _Broker(jars, folder, _settings(ports, authority), ports[0], heap_mb=384)
            try:
                scram = f"SCRAM-SHA-512=[name={ACCOUNT},password={PASSWORD}]"
                broker.format(_random_id(), "--standalone", "--add-scram", scram)
                broker.start()
                _wait_until_ready([broker])
                addresses = [f"{HOST}:{port}" for port in ports]
                yield SecureKafka(addresses[0], addresses[1], addresses[2], addresses[3], authority)
            finally:
                broker.remove()
        except UnreachableError as error:
            without("Apache Kafka", str(error))


def _settings(ports: list[int], authority: Authority) -> str:
    opened, sasl, tls, plain_sasl, controller = ports
    module = "org.apache.kafka.common.security"
    listeners = ",".join(
        f"{name}://{HOST}:{port}" for name, port in zip(_PROTOCOLS, (opened, sasl, tls, plain_sasl), strict=True)
    )
    plain = f'{module}.plain.PlainLoginModule required user_{ACCOUNT}="{PASSWORD}";'
    scram = f"{module}.scram.ScramLoginModule required;"
    lines = [
        "process.roles=broker,controller",
        "node.id=1",
        f"controller.quorum.bootstrap.servers={HOST}:{controller}",
        f"listeners={listeners},CONTROLLER://{HOST}:{controller}",
        f"advertised.listeners={listeners}",
        "controller.listener.names=CONTROLLER",
        "inter.broker.listener.name=PLAINTEXT",
        f"listener.security.protocol.map={','.join(f'{name}:{name}' for name in _PROTOCOLS)},CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
        f"listener.name.sasl_ssl.plain.sasl.jaas.config={plain}",
        f"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram}",
        f"listener.name.sasl_plaintext.plain.sasl.jaas.config={plain}",
        f"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={scram}",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={authority.give('broker', host=HOST).both}",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={authority.ca_file}",
        "listener.name.ssl.ssl.client.auth=required",
        # Who may do what: the open listener is for the test's own use.
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS",
        "offsets.topic.replication.factor=1",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "group.initial.rebalance.delay.ms=0",
        "auto.create.topics.enable=false",
        "offsets.topic.num.partitions=4",
        "transaction.state.log.num.partitions=4",
    ]
    return "\n".join(lines) + "\n"
