import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.errors import ConfigError, Refusal
from gateway.proxy import certificates
from gateway.proxy.certificates import CertificateAuthority, Leaves, load_ca, make_ca


@pytest.fixture
def ca(tmp_path: Path) -> CertificateAuthority:
    return make_ca(tmp_path)


def extension[T: x509.ExtensionType](certificate: x509.Certificate, kind: type[T]) -> T:
    return certificate.extensions.get_extension_for_class(kind).value


def test_the_authority_reads_back_and_only_its_owner_can_read_it(tmp_path: Path, ca: CertificateAuthority):
    again = load_ca(tmp_path)
    assert again.fingerprint == ca.fingerprint
    assert again.key.public_key() == ca.key.public_key()
    for name in (certificates.KEY, certificates.CERTIFICATE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_an_authority_is_never_overwritten(tmp_path: Path, ca: CertificateAuthority):
    with pytest.raises(FileExistsError):
        make_ca(tmp_path)
    assert load_ca(tmp_path).fingerprint == ca.fingerprint


def test_two_installations_have_different_authorities(tmp_path: Path, ca: CertificateAuthority):
    (tmp_path / "other").mkdir()
    other = make_ca(tmp_path / "other")
    assert other.certificate.subject != ca.certificate.subject
    assert other.key.public_key() != ca.key.public_key()


def test_the_authority_cannot_make_others(ca: CertificateAuthority):
    constraints = extension(ca.certificate, x509.BasicConstraints)
    assert constraints.ca
    assert constraints.path_length == 0
    assert isinstance(ca.certificate.public_key(), ec.EllipticCurvePublicKey)


def test_an_authority_for_listed_hosts_is_constrained_to_them(tmp_path: Path):
    ca = make_ca(tmp_path, ["api.test", "*.other.test", "10.0.0.1"])
    found = ca.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical
    permitted = found.value.permitted_subtrees or []
    assert [str(name.value) for name in permitted] == ["api.test", "other.test", "10.0.0.1/32"]


@pytest.mark.parametrize("damage", ["missing", "garbage", "other key", "rsa"])
def test_an_authority_that_cannot_be_trusted_is_an_error_with_the_way_out(
    tmp_path: Path, ca: CertificateAuthority, damage: str
):
    key = tmp_path / certificates.KEY
    if damage == "missing":
        key.unlink()
    elif damage == "garbage":
        key.write_text("nothing")
    elif damage == "rsa":
        key.write_bytes(
            rsa.generate_private_key(65537, 2048).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    else:
        (tmp_path / "other").mkdir()
        make_ca(tmp_path / "other")
        key.write_bytes((tmp_path / "other" / certificates.KEY).read_bytes())
    with pytest.raises(ConfigError) as error:
        load_ca(tmp_path)
    assert error.value.hint


def test_a_leaf_is_on_another_key_than_the_authority(ca: CertificateAuthority):
    leaf = Leaves(ca).get("api.test", "agent")
    assert leaf.public_key() != ca.certificate.public_key()
    leaf.verify_directly_issued_by(ca.certificate)
    assert not extension(leaf, x509.BasicConstraints).ca
    assert list(extension(leaf, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert extension(leaf, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == ["api.test"]


def test_two_processes_have_different_leaf_keys(ca: CertificateAuthority):
    assert Leaves(ca).key.public_key() != Leaves(ca).key.public_key()


def test_a_leaf_for_an_address_names_the_address(ca: CertificateAuthority):
    names = extension(Leaves(ca).get("127.0.0.1", "agent"), x509.SubjectAlternativeName)
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_leaves_are_kept_until_they_are_half_old(ca: CertificateAuthority):
    now = [ca.certificate.not_valid_before_utc.timestamp() + 3 * 86400]
    leaves = Leaves(ca, lambda: now[0])
    first = leaves.get("api.test", "agent")
    assert leaves.get("api.test", "agent") is first
    now[0] += 31 * 86400
    second = leaves.get("api.test", "agent")
    assert second is not first
    assert second.not_valid_after_utc > dt.datetime.fromtimestamp(now[0], dt.UTC)


def test_a_leaf_never_outlives_its_authority(ca: CertificateAuthority):
    late = ca.certificate.not_valid_after_utc.timestamp() - 5 * 86400
    leaf = Leaves(ca, lambda: late).get("api.test", "agent")
    assert leaf.not_valid_after_utc <= ca.certificate.not_valid_after_utc


def test_an_agent_that_forges_very_many_names_is_refused_and_others_are_not(ca: CertificateAuthority):
    now = [ca.certificate.not_valid_before_utc.timestamp() + 3 * 86400]
    leaves = Leaves(ca, lambda: now[0])
    for number in range(certificates.NEW_LEAVES_PER_AGENT):
        leaves.get(f"h{number}.test", "noisy")
    with pytest.raises(Refusal):
        leaves.get("one-more.test", "noisy")
    leaves.get("h0.test", "noisy")
    leaves.get("one-more.test", "quiet")
    now[0] += certificates.PER_SECONDS
    leaves.get("later.test", "noisy")


def test_only_so_many_leaves_are_kept(ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certificates, "LEAVES_KEPT", 2)
    leaves = Leaves(ca)
    first = leaves.get("a.test", "x")
    leaves.get("b.test", "x")
    leaves.get("a.test", "x")
    leaves.get("c.test", "x")
    assert leaves.get("a.test", "x") is first
    assert len(leaves._kept) == 2
