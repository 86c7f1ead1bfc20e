import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import LakeError
from features.vault import Vault


def test_what_is_sealed_opens_again_and_is_never_twice_the_same(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    one, two = vault.seal([("s1", "phone", "13800138000"), ("s1", "phone", "13800138000")])
    assert one != two
    assert b"13800138000" not in one
    assert vault.unseal("s1", "phone", one) == "13800138000"
    assert Vault(tmp_path).unseal("s1", "phone", two) == "13800138000"


@given(st.text())
def test_any_text_round_trips(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    vault = Vault(tmp_path_factory.getbasetemp() / "round-trip")
    text = text.encode("utf-8", "ignore").decode()
    assert vault.unseal("s", "person_name", vault.seal([("s", "person_name", text)])[0]) == text


def test_forgetting_one_subject_leaves_the_others(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    one, two = vault.seal([("s1", "phone", "1"), ("s2", "phone", "2")])
    assert vault.forget("s1")
    assert not vault.forget("s1")
    with pytest.raises(LakeError, match="The key of subject s1 was deleted") as gone:
        vault.unseal("s1", "phone", one)
    assert "s1" in gone.value.zh
    assert vault.unseal("s2", "phone", two) == "2"


def test_a_new_key_does_not_open_what_was_forgotten(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    old = vault.seal([("s", "phone", "1")])[0]
    vault.forget("s")
    vault.seal([("s", "phone", "1")])
    with pytest.raises(LakeError, match="was changed or the master key is another"):
        vault.unseal("s", "phone", old)


def test_a_changed_short_or_mislabelled_blob_does_not_open(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    blob = vault.seal([("s", "phone", "1")])[0]
    for wrong in (blob[:-1] + bytes([blob[-1] ^ 1]), blob[:5], b""):
        with pytest.raises(LakeError, match="was changed"):
            vault.unseal("s", "phone", wrong)
    with pytest.raises(LakeError, match="was changed"):
        vault.unseal("s", "id_number", blob)


def test_tokens_depend_on_kind_and_master_only(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "a")
    assert vault.token("phone", "1") == Vault(tmp_path / "a").token("phone", "1")
    assert len(vault.token("phone", "1")) == 32
    others = {
        vault.token("phone", "1"),
        vault.token("id_number", "1"),
        vault.token("phone", "2"),
        Vault(tmp_path / "b").token("phone", "1"),
    }
    assert len(others) == 4


def test_a_person_is_their_id_or_else_a_value_at_one_firm(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert vault.subject("ID", "A", "phone", "x") == vault.subject("ID", "B", "phone", "y")
    assert vault.subject(None, "A", "phone", "x") != vault.subject(None, "B", "phone", "x")


def test_the_master_key_is_private_and_guarded(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.seal([("s", "phone", "1")])
    master = tmp_path / "master.key"
    assert stat.S_IMODE(master.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("master*")] == ["master.key"]
    key = master.read_bytes()
    master.write_bytes(key[:31])
    with pytest.raises(LakeError, match="has 31 bytes, not 32"):
        Vault(tmp_path)
    master.unlink()
    with pytest.raises(LakeError, match="is missing, so sealed values cannot be opened"):
        Vault(tmp_path)


def test_another_master_key_is_said_when_sealing(tmp_path: Path) -> None:
    Vault(tmp_path).seal([("s", "phone", "1")])
    (tmp_path / "master.key").write_bytes(b"0" * 32)
    with pytest.raises(LakeError, match="the master key is another"):
        Vault(tmp_path).seal([("s", "phone", "1")])


def test_a_damaged_key_store_is_said(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    (tmp_path / "subjects.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(LakeError, match="cannot be used"):
        vault.seal([("s", "phone", "1")])
