"""Ways to falsify the record, each as somebody with full rights over database or files would do it.

An operator changes what is sealed already; `verify` must find every single one. Changes to the
database are taken back with the transaction, changes to files happen in a copy.
"""

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Rollback

from benchmarks.tampering_rows import IN_DATABASE, Operator, Scene, edit_and_rewrite
from serving.audit.heads import NO_HEAD, Head
from serving.audit.merkle import Frontier
from serving.audit.papers import Papers, read_heads, read_papers
from serving.audit.signing import PublicKey, id_of
from serving.audit.verify import Report, verify

__all__ = ["IN_DATABASE", "IN_FILES", "Scene", "falsify"]


def edit_head(scene: Scene) -> None:
    """Change one value of a head."""
    heads = read_heads(scene.custody.heads)
    place = scene.rng.randrange(len(heads))
    head, name = heads[place], scene.rng.choice(list(Head.__dataclass_fields__))
    old = getattr(head, name)
    new = old + 1 if isinstance(old, int) else _other(old, scene.rng)
    heads[place] = replace(head, **{name: new})
    _write(scene.custody.heads, heads)


def _other(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    digits = "0123456789"
    other = digits[(digits.find(text[place]) + 1) % 10]
    return text[:place] + other + text[place + 1 :]


def drop_head(scene: Scene) -> None:
    """Leave one head out."""
    heads = read_heads(scene.custody.heads)
    heads.pop(scene.rng.randrange(len(heads) - 1))
    _write(scene.custody.heads, heads)


def swap_heads(scene: Scene) -> None:
    """Change the order of heads."""
    heads = read_heads(scene.custody.heads)
    place = scene.rng.randrange(len(heads) - 1)
    heads[place], heads[place + 1] = heads[place + 1], heads[place]
    _write(scene.custody.heads, heads)


def replay_heads(scene: Scene) -> None:
    """Put an older file of heads back; of one missing line nothing is lost, the note has it."""
    heads = read_heads(scene.custody.heads)
    _write(scene.custody.heads, heads[: scene.rng.randrange(len(heads) - 1)])


def replay_everything(scene: Scene) -> None:
    """Put database and heads back to an older state together."""
    heads = read_heads(scene.custody.heads)
    kept = heads[: scene.rng.randrange(1, len(heads) - 1)]
    scene.connection.execute(
        "DELETE FROM audit_event WHERE audit_id IN (SELECT audit_id FROM audit_seal WHERE leaf_index >= %s)",
        (kept[-1].size,),
    )
    scene.connection.execute("DELETE FROM audit_seal WHERE leaf_index >= %s", (kept[-1].size,))
    scene.connection.execute(
        "DELETE FROM audit_tile WHERE (tile_index + 1) * 256 > %s", (kept[-1].size,)
    )
    _write(scene.custody.heads, kept)


def spoil_heads(scene: Scene) -> None:
    """Write something else into the file."""
    lines = scene.custody.heads.read_bytes().splitlines(keepends=True)
    lines.insert(scene.rng.randrange(len(lines)), b'{"size": "many"}\n')
    scene.custody.heads.write_bytes(b"".join(lines))


def resign(scene: Scene) -> None:
    """Rewrite the log and sign all heads with a key of one's own, known or passed off as known."""
    edit_and_rewrite(scene)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    found = scene.connection.execute("SELECT leaf_hash FROM audit_seal ORDER BY leaf_index")
    roots = {0: (tree := Frontier()).root()}
    for row in found.fetchall():
        tree.append(row[0])
        roots[tree.size] = tree.root()
    pretend = scene.rng.choice(("unknown", "endorsed", "replaced"))
    key_id = id_of(public)
    if pretend != "unknown":
        _pass_off(scene, key, public, is_alone=pretend == "replaced")
    heads, previous = list[Head](), NO_HEAD
    for head in read_heads(scene.custody.heads):
        unsigned = replace(head, root=roots[head.size].hex(), key_id=key_id, previous=previous)
        signed = replace(unsigned, signature=key.sign(unsigned.text()).hex())
        previous = signed.digest()
        heads.append(signed)
    _write(scene.custody.heads, heads)


def _pass_off(scene: Scene, key: Ed25519PrivateKey, public: bytes, *, is_alone: bool) -> None:
    lines = [] if is_alone else scene.custody.keys.read_text("utf-8").splitlines()
    by = "" if is_alone else str(json.loads(lines[-1])["key_id"])
    forged = PublicKey(id_of(public), public.hex(), "2026-11-21T00:00:00.000000", by, "")
    forged = replace(forged, signature=key.sign(forged.text()).hex())
    lines.append(json.dumps(forged.__dict__))
    scene.custody.keys.write_text("\n".join(lines) + "\n", "utf-8")


def edit_keys(scene: Scene) -> None:
    """Change one value of a public key."""
    lines = scene.custody.keys.read_text("utf-8").splitlines()
    place = scene.rng.randrange(len(lines))
    key = json.loads(lines[place])
    name = scene.rng.choice([name for name, value in key.items() if value])
    key[name] = _other(key[name], scene.rng)
    lines[place] = json.dumps(key)
    scene.custody.keys.write_text("\n".join(lines) + "\n", "utf-8")


def drop_keys(scene: Scene) -> None:
    """Leave a public key out."""
    lines = scene.custody.keys.read_text("utf-8").splitlines()
    lines.pop(scene.rng.randrange(len(lines)))
    scene.custody.keys.write_text("".join(line + "\n" for line in lines), "utf-8")


def _write(path: Path, heads: Sequence[Head]) -> None:
    path.write_bytes(b"".join(head.line() for head in heads))


#: Everything that touches heads or keys.
IN_FILES: Mapping[str, Operator] = {
    operator.__name__: operator
    for operator in (
        edit_head,
        drop_head,
        swap_heads,
        replay_heads,
        replay_everything,
        spoil_heads,
        resign,
        edit_keys,
        drop_keys,
    )
}


def falsify(scene: Scene, name: str, papers: Papers, copy: Path) -> Report:
    """Do it, verify, and take it back.

    Parameters
    ----------
    papers : Papers
        Of the untouched record.
    copy : Path
        A folder for a copy of the files, where an operator changes them.
    """
    report: Report | None = None
    with scene.connection.transaction():
        if name in IN_DATABASE:
            IN_DATABASE[name](scene)
        else:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(scene.custody.public, copy)
            there = replace(scene, custody=replace(scene.custody, public=copy))
            IN_FILES[name](there)
            papers = read_papers(there.custody)
        report = verify(scene.connection, papers)
        raise Rollback
    return report
