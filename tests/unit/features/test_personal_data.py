"""ID numbers, names of natural persons and phones: in the vault's sealed blobs or nowhere."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from features.engine import connect
from features.errors import LakeError, XinqiaoError
from features.ingest import _keep_spill_away  # pyright: ignore[reportPrivateUsage]
from tests.factories import USCCS, Desk, write_csv, write_parquet, write_xlsx

NAMES = ["欧阳娜娜甲", "司马相如乙", "诸葛孔明丙", "上官婉儿丁"]
IDS = ["11010519491231002X", "440524188001010014", "371302199003072816", "53010219200508011x"]
PHONES = ["13800138000", "13912345678", "15098765432", "18611112222"]
PLAIN = [*NAMES, *(text.upper() for text in IDS), *IDS, *PHONES]

HEADER = ["代码", "名称", "资本", "法人", "证件", "电话", "备注"]
MAPPING = """
dataset: reg_basic
provider: {name: 市场监管局}
columns:
  uscc: 代码
  name: 名称
  reg_capital: 资本
  legal_rep_name: 法人
  legal_rep_id_no: 证件
  contact_phone: {template: "{电话}"}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def row(person: int, *, name: str = "一厂", capital: str = "100") -> list[str]:
    personal = [NAMES[person], IDS[person], PHONES[person]]
    # The last column is mapped by nobody and holds everything once more.
    return [USCCS[person], name, capital, *personal, " ".join(personal)]


def ingest(desk: Desk, *rows: list[str], name: str = "a") -> None:
    path = write_csv(desk.root / f"{name}.csv", [HEADER, *rows])
    desk.ingest(path, mapping=desk.mapping(MAPPING, "reg_basic"), share=0.9)


def assert_nothing_plain(folder: Path, *texts: str) -> None:
    """Every byte of every file, and every value of every Parquet file, and the texts given."""
    said = list(texts)
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        for plain in PLAIN:
            for encoding in ("utf-8", "gb18030", "utf-16-le"):
                assert plain.encode(encoding) not in content, f"{plain} in {path}"
        if path.suffix == ".parquet":
            said += [repr(record) for record in pq.read_table(path).to_pylist()]
            said.append(str(pq.read_schema(path).metadata))
    for text in said:
        assert not [plain for plain in PLAIN if plain in text], text


def test_nothing_plain_of_good_bad_and_ragged_rows(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    slipped = [USCCS[3], NAMES[3], "100", IDS[3], PHONES[3], "", ""]
    rows = [
        row(0),
        row(1),
        row(2),
        row(3, capital="x"),
        [*row(3)[:3], *row(3)[4:]],  # ragged
        [*row(2), NAMES[2]],  # ragged
        slipped,
        row(1, name=f"二厂 {PHONES[1]}"),
    ]
    ingest(desk, *rows)
    batch = desk.lake.view().batches[0]
    assert (batch.delivered, batch.landed) == (8, 3)
    assert batch.reasons["row:wrong_number_of_fields"] == 2
    assert batch.reasons["name:personal_value"] == 1
    assert batch.reasons["legal_rep_name:not_a_name"] == 1
    assert batch.reasons["legal_rep_id_no:not_an_id"] == 1
    assert_nothing_plain(desk.lake.root)
    assert_nothing_plain(work)
    assert_nothing_plain(desk.vault.folder)
    # What the provider sees of a bad row is where it is, why, and the shape of its cells.
    bad = next(found for found in desk.quarantine("reg_basic") if found["line"] == 5)
    assert bad["reasons"] == ["reg_capital:not_an_amount"]
    assert '"资本":"x"' in str(bad["delivered"])
    assert '"代码":"99999999xx9xx9x99x"' in str(bad["delivered"])


def test_error_sentences_and_their_causes_hold_no_plain_value(desk: Desk) -> None:
    mapping = desk.mapping(MAPPING, "reg_basic")
    bad = [row(person, capital="x") for person in range(4)]
    columns = {name: [values[i] for values in bad] for i, name in enumerate(HEADER)}
    whole = write_parquet(desk.root / "p.parquet", columns)
    cut = desk.root / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-9])
    quote = desk.root / "quote.csv"
    quote.write_text(",".join(HEADER) + '\n"' + "\n".join(",".join(r) for r in bad), "utf-8")
    wide = desk.root / "wide.csv"
    wide.write_text(",".join(HEADER) + "\n" + ",".join(row(0)) * 99_999, "utf-8")
    deliveries = [
        write_csv(desk.root / "bad.csv", [HEADER, *bad]),
        write_csv(desk.root / "headless.csv", bad),
        write_csv(desk.root / "twice.csv", [[*row(0), NAMES[0]], *bad]),
        write_csv(desk.root / "ragged.csv", [HEADER, *(r[:-1] for r in bad)]),
        write_csv(desk.root / "gb.csv", [HEADER, *bad], encoding="gb18030"),
        write_csv(desk.root / "column.csv", [[*HEADER[:-2], "x", "y"], *bad]),
        write_xlsx(desk.root / "bad.xlsx", [HEADER, *bad]),
        write_xlsx(desk.root / "headless.xlsx", bad),
        whole,
        cut,
        quote,
        wide,
    ]
    for path in deliveries:
        error: BaseException | None = desk.refuse(path, mapping=mapping)
        while error is not None:
            said = [*map(str, error.args), getattr(error, "en", ""), getattr(error, "zh", "")]
            assert_nothing_plain(desk.lake.root, *said)
            error = error.__cause__


def test_a_database_error_keeps_its_words_to_itself(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise duckdb.ConversionException(f"Could not convert string '{NAMES[0]}' to INT64")

    monkeypatch.setattr("features.checking.check_file", fail)
    with pytest.raises(XinqiaoError, match=r"a\.csv could not be landed") as error:
        ingest(desk, row(0))
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_persons_data_is_never_spilled_to_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for dataset, folder in (("reg_basic", ""), ("penalty", str(desk.lake.root / "staging"))):
        with connect() as opened:
            _keep_spill_away(opened, desk.dataset(dataset), desk.lake.root)
            setting = opened.execute("SELECT current_setting('temp_directory')").fetchall()
        assert setting == [(folder,)]

    def fill(*_: object) -> None:
        raise duckdb.OutOfMemoryException

    monkeypatch.setattr("features.checking.check_file", fill)
    with pytest.raises(LakeError, match=r"not enough memory for a\.csv") as full:
        ingest(desk, row(0))
    assert "内存不足" in full.value.zh


def test_equal_persons_have_equal_tokens_and_a_deleted_key_takes_one_away(desk: Desk) -> None:
    again = row(0, name="二厂")
    again[0] = USCCS[2]
    again[4] = IDS[0].lower()
    ingest(desk, row(0), row(1), again)
    first, second, third = desk.rows("reg_basic")
    assert first["legal_rep_id_no_token"] == third["legal_rep_id_no_token"]
    assert first["contact_phone_token"] == third["contact_phone_token"]
    assert first["contact_phone_token"] != second["contact_phone_token"]

    def unseal(stored: dict[str, object], column: str, kind: str) -> str:
        blob = stored[f"{column}_sealed"]
        assert isinstance(blob, bytes)
        return desk.vault.unseal(str(stored["legal_rep_id_no_token"]), kind, blob)

    assert unseal(first, "legal_rep_name", "person_name") == NAMES[0]
    assert unseal(third, "legal_rep_id_no", "id_number") == IDS[0]
    assert desk.vault.forget(str(first["legal_rep_id_no_token"]))
    for stored in (first, third):
        with pytest.raises(LakeError, match="was deleted; this value is gone"):
            unseal(stored, "contact_phone", "phone")
    assert unseal(second, "contact_phone", "phone") == PHONES[1]
    # The same delivery again does not bring the person back.
    ingest(desk, row(0), row(1), name="b")
    with pytest.raises(LakeError, match="was deleted; this value is gone"):
        unseal(first, "legal_rep_name", "person_name")


def test_a_person_without_id_is_one_value_at_one_firm(desk: Desk) -> None:
    rows = [row(0), row(1)]
    for values in rows:
        values[4] = ""
        values[5] = PHONES[0]
    ingest(desk, *rows)
    for stored in desk.rows("reg_basic"):
        subject = desk.vault.subject(None, str(stored["uscc"]), "phone", PHONES[0])
        blob = stored["contact_phone_sealed"]
        assert isinstance(blob, bytes)
        assert desk.vault.unseal(subject, "phone", blob) == PHONES[0]


def test_a_row_hash_cannot_be_tried_out(tmp_path: Path) -> None:
    """The same row has another hash under another master key, so nobody can guess a phone by it."""
    hashes: set[object] = set()
    for name in ("one", "two"):
        desk = Desk(tmp_path / name)
        ingest(desk, row(0))
        hashes.add(desk.rows("reg_basic")[0]["row_hash"])
    assert len(hashes) == 2
