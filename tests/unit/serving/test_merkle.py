"""The tree against the definitions of RFC 6962 written down as they stand there."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    Span,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    proves_consistency,
    proves_inclusion,
    root_of,
)
from serving.audit.tiles import MissingHashError, blocks_of, frontier_at, span_hash, wanted

# The eight inputs and roots that implementations of Certificate Transparency share.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def mth(leaves: list[bytes]) -> bytes:
    """Section 2.1, word for word, over leaf hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = below(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """Section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], *, is_whole: bool) -> list[bytes]:
    """Section 2.1.2."""
    if m == len(leaves):
        return [] if is_whole else [mth(leaves)]
    k = below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], is_whole=is_whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], is_whole=False), mth(leaves[:k])]


def below(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def stored(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    kept = {(0, index): leaf for index, leaf in enumerate(leaves)}
    tree = Frontier()
    for leaf in leaves:
        for tile in tree.append(leaf):
            kept[tile.level, tile.index] = tile.hash
            width = 256**tile.level
            assert tile.hash == mth(leaves[tile.index * width : (tile.index + 1) * width])
    return kept


def test_known_vectors() -> None:
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")
    hashed = [leaf_hash(content) for content in INPUTS]
    assert [root_of(hashed[:size]).hex() for size in range(1, 9)] == list(ROOTS)


@given(st.integers(0, 700))
def test_every_root_is_the_definitions(size: int) -> None:
    leaves = leaves_of(size)
    assert root_of(leaves) == mth(leaves)


@given(st.data())
def test_inclusion_proofs_are_the_definitions_and_prove_only_their_leaf(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, 700))
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    kept, root = stored(leaves), mth(leaves)
    spans = inclusion_spans(index, size)
    proof = [span_hash(span, kept) for span in spans]
    assert proof == path(index, leaves)
    assert proves_inclusion(index, size, leaves[index], proof, root)
    other = (
        data.draw(st.integers(0, size - 1).filter(lambda found: found != index)) if size > 1 else 1
    )
    assert not proves_inclusion(other, size, leaves[index], proof, root)
    assert not proves_inclusion(index, size, leaf_hash(b"another"), proof, root)
    assert not proves_inclusion(index, size, leaves[index], [*proof, root], root)
    assert not proof or not proves_inclusion(index, size, leaves[index], proof[:-1], root)


@given(st.data())
def test_consistency_proofs_are_the_definitions_and_prove_only_growth(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 700))
    old = data.draw(st.integers(0, new))
    leaves = leaves_of(new)
    kept = stored(leaves)
    proof = [span_hash(span, kept) for span in consistency_spans(old, new)]
    if old:
        assert proof == subproof(old, leaves, is_whole=True)
    assert proves_consistency(old, new, mth(leaves[:old]), mth(leaves), proof)
    rewritten = [leaf_hash(b"rewritten"), *leaves[1:]]
    if old:
        assert not proves_consistency(old, new, mth(rewritten[:old]), mth(leaves), proof)
        assert not proves_consistency(old, new, mth(leaves[:old]), mth(rewritten), proof)
    assert not proves_consistency(old, new, mth(leaves[:old]), mth(leaves), [*proof, EMPTY_ROOT])


@given(st.integers(0, 700), st.integers(0, 300))
def test_a_tree_taken_up_again_grows_as_if_never_left(size: int, more: int) -> None:
    leaves = leaves_of(size + more)
    tree = frontier_at(size, stored(leaves[:size]))
    for leaf in leaves[size:]:
        tree.append(leaf)
    assert tree.root() == mth(leaves)


def test_a_proof_over_ten_million_reads_little() -> None:
    # Three levels are touched on either side of the leaf: at most 255 hashes each and six sides.
    for index in (0, 1, 5_000_000, 9_999_999):
        blocks = wanted(inclusion_spans(index, 10_000_000))
        assert sum(block.count for block in blocks) <= 6 * 255


@given(st.integers(0, 100_000), st.integers(1, 100_000))
def test_blocks_tile_their_span(old: int, more: int) -> None:
    for span in [*consistency_spans(old, old + more), Span(0, old)]:
        place = span.start
        for block in blocks_of(span):
            assert place == block.first * 256**block.level
            place += block.count * 256**block.level
        assert place == span.end


def test_what_is_missing_is_named() -> None:
    kept = stored(leaves_of(300))
    del kept[0, 256]
    with pytest.raises(MissingHashError, match="level 0, index 256"):
        span_hash(Span(0, 300), kept)


def test_a_leaf_or_an_older_tree_must_be_in_the_tree() -> None:
    with pytest.raises(ValueError, match="A tree of 3 leaves has no leaf 3"):
        inclusion_spans(3, 3)
    with pytest.raises(ValueError, match="A tree of 3 leaves cannot begin with one of 4"):
        consistency_spans(4, 3)
    assert not proves_inclusion(3, 3, EMPTY_ROOT, [], EMPTY_ROOT)
    assert not proves_consistency(4, 3, EMPTY_ROOT, EMPTY_ROOT, [])
