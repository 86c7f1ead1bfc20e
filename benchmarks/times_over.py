"""A city several times over: `python -m benchmarks.times_over 100000 10` writes the lake of a million firms.

Every copy has the rows of the city under keys, codes, persons and row numbers of its own, in files laid out as
the city's are, so that nobody is tied to anybody of another copy. A guarantor is named by his code of the first copy. The
lake is to be read only.
"""

import argparse
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.setting import cities_folder
from features.engine import connect, identifier, literal
from features.identifiers import synthetic_uscc
from features.lake import LINE_BITS, Batch, Commit, Lake, LakeView
from features.segments import Rewrite

_MADE = "times.json"
#: Columns that hold a key of a party.
_PARTIES = ("enterprise_key", "counterparty_key")
_THREADS = 2


def times_over(folder: Path) -> list[tuple[int, int, Path]]:
    """Such lakes that are there: firms in all, copies, and where."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"*/{_MADE}")]
    return [(int(one["firms"]), int(one["times"]), Path(one["lake"])) for one in found]


def repeat(city: Path, out: Path, times: int) -> Path:
    """Write the lake of a city several times over; nothing is left of a run that was killed."""
    view, beside = Lake(city).view(), out.with_name(f".{out.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    (beside / "commits").mkdir(parents=True)
    for copy in range(times):
        files = sorted(path for path in view.all_files() if path.parts[-3] != "quarantine")
        for path in files:
            _named(beside, path.relative_to(city).as_posix(), copy).parent.mkdir(parents=True, exist_ok=True)  # fmt: skip
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(partial(_copied, view, beside, copy), files))
        for commit in view.commits:
            _write(beside, _commit(view, commit, copy))
        print(f"copy {copy + 1} of {times}", flush=True)
    beside.replace(out)
    return out


def _named(root: Path, name: str, copy: int) -> Path:
    """Where a file of a copy is."""
    path = root / name
    return path.with_name(f"{copy}-{path.name}")


def _copied(view: LakeView, out: Path, copy: int, path: Path) -> None:
    to = _named(out, path.relative_to(view.root).as_posix(), copy)
    if copy == 0:
        os.link(path, to)
    elif path in view.party_files():
        _write_parties(view, to, copy, path)
    else:
        offsets: dict[str, int] = dict.fromkeys(_PARTIES, copy * view.party_count)
        offsets["row_id"] = copy * len(view.batches) << LINE_BITS
        names = pq.read_schema(path).names
        moved = ", ".join(
            f"CAST({identifier(name)} + {offset} AS {'BIGINT' if name == 'row_id' else 'INTEGER'}) AS {identifier(name)}"
            for name, offset in offsets.items()
            if name in names
        )
        apart = [name for name in names if name.endswith("_token") or name == "holder_uscc"]
        moved += "".join(f", {identifier(n)} || '-{copy}' AS {identifier(n)}" for n in apart)
        groups = pq.read_metadata(path)
        size = groups.row_group(0).num_rows if groups.num_row_groups else 1
        with connect(threads=1) as connection:
            connection.execute(
                f"COPY (SELECT * REPLACE ({moved}) FROM read_parquet({literal(str(path))})) TO {literal(str(to))} "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {max(size, 2048)})"
            )


def _write_parties(view: LakeView, to: Path, copy: int, path: Path) -> None:
    table = pq.read_table(path)
    keys = [key + copy * view.party_count for key in table["party_key"].to_pylist()]
    columns = {
        "party_key": pa.array(keys, pa.int32()),
        "party_id": pa.array([synthetic_uscc("times over", str(key)) for key in keys]),
        "origin": pa.array(
            [origin and f"{origin}-{copy}" for origin in table["origin"].to_pylist()], pa.string()
        ),
    }
    pq.write_table(pa.table(columns), to, compression="zstd")


def _commit(view: LakeView, commit: Commit, copy: int) -> Commit:
    def moved(name: str | None) -> str | None:
        return _named(Path(), name, copy).as_posix() if name else None

    def batch(one: Batch) -> Batch:
        number = one.batch_no + copy * len(view.batches)
        return replace(
            one, batch_no=number, batch_id=f"{copy}-{one.batch_id}", data=str(moved(one.data)),
            retired=moved(one.retired), quarantine=None,
        )  # fmt: skip

    def rewrite(one: Rewrite) -> Rewrite:
        batches = tuple(number + copy * len(view.batches) for number in one.batches)
        return replace(
            one, batches=batches, data=moved(one.data), retired=moved(one.retired),
            deletions=moved(one.deletions), dropped=(),
        )  # fmt: skip

    return replace(
        commit,
        number=commit.number + copy * len(view.commits),
        batches=tuple(map(batch, commit.batches)),
        rewrites=tuple(map(rewrite, commit.rewrites)),
        parties=moved(commit.parties),
        party_count=commit.party_count + copy * view.party_count,
    )


def _write(root: Path, commit: Commit) -> None:
    text = json.dumps(asdict(commit), ensure_ascii=False, indent=1)
    (root / "commits" / f"{commit.number:08d}.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Make what is asked for if it is not there."""
    parser = argparse.ArgumentParser(prog="benchmarks.times_over", description=__doc__)
    parser.add_argument("enterprises", type=int)
    parser.add_argument("times", type=int)
    given = parser.parse_args()
    city = cities_folder() / str(given.enterprises) / "home" / "lake"
    place = cities_folder() / f"{given.enterprises}x{given.times}"
    if not (place / _MADE).exists():
        shutil.rmtree(place / "lake", ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        lake = repeat(city, place / "lake", given.times)
        firms = given.enterprises * given.times
        said = {"firms": firms, "times": given.times, "lake": str(lake)}
        (place / _MADE).write_text(json.dumps(said), encoding="utf-8")
    print(place)


if __name__ == "__main__":
    main()
