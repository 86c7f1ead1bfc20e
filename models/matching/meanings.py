"""What every name a rule may use means to a reader, and where its value comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from features.codes.regions import region_name
from features.contracts import Catalogue, Words
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from models.matching.facts import FactBook, Source
from models.scale import Scale
from models.tags.book import Kind as TagKind
from models.tags.book import TagEntry

#: Beside the sources of facts: a provider's `record`, or a tag by the way a firm comes to have it.
Origin = Source | Literal["record"] | TagKind
#: The name that counts the letters of the master scale, 1 the best.
GRADE_RANK = "grade_rank"
REGION = "region_code"


@dataclass(frozen=True)
class Meaning:
    """One name.

    Attributes
    ----------
    codes : mapping of str to Words
        The list of a code, and the steps of a scale that is read out by letters.
    question : Words or None
        What a firm is asked where it has not said it.
    datasets : frozenset of str
        What must be open for the value to be known.
    """

    name: str
    words: Words
    unit: str
    origin: Origin
    datasets: frozenset[str]
    codes: Mapping[str, Words] = field(default_factory=dict[str, Words])
    question: Words | None = None

    @property
    def is_tag(self) -> bool:
        """Whether it is a tag of the firm."""
        return self.origin in {"computed", "certified", "self_declared"}


@dataclass(frozen=True)
class Meanings:
    """Every name of a vocabulary, and which consent scopes open what it rests on."""

    known: Mapping[str, Meaning]
    scopes: Mapping[str, str]

    @classmethod
    def of(
        cls,
        registry: Registry,
        facts: FactBook,
        tags: Iterable[TagEntry],
        vocabulary: Vocabulary,
        *,
        catalogue: Catalogue,
        scale: Scale,
    ) -> "Meanings":
        """Collect the words of features, facts and tags.

        Parameters
        ----------
        vocabulary : Vocabulary
            With a name for every tag; it knows which datasets a computed tag rests on.
        catalogue : Catalogue
            Says which scope opens a dataset.
        scale : Scale
            Its letters read out the rank of a grade.
        """
        letters = [
            *(grade.code for grade in scale.version.grades),
            scale.version.default_grade.code,
        ]
        ranks = {str(n): Words(zh=code, en=code) for n, code in enumerate(letters, start=1)}
        known = {
            feature.name: Meaning(
                feature.name, feature.words, feature.unit, "record", feature.datasets
            )
            for feature in registry
        }
        known |= {
            fact.name: Meaning(
                fact.name,
                fact.words,
                fact.unit,
                fact.source,
                frozenset(fact.datasets),
                ranks if fact.name == GRADE_RANK else fact.codes,
                fact.asked,
            )
            for fact in facts.facts
        }
        known |= {
            tag.name: Meaning(
                tag.name, tag.words, "flag", tag.kind, vocabulary.terms[tag.name].datasets
            )
            for tag in tags
            if tag.name in vocabulary.terms  # one that not everybody may see is in no rule
        }
        scopes = {one.name: one.document.consent_scope for one in catalogue}
        return cls(known, {name: scope for name, scope in scopes.items() if scope})

    def __getitem__(self, name: str) -> Meaning:
        """What a name means; a name nobody described stands for itself."""
        found = self.known.get(name)
        return found or Meaning(name, Words(zh=name, en=name), "count", "record", frozenset())

    def scopes_of(self, datasets: Iterable[str]) -> tuple[str, ...]:
        """Consent scopes that open some datasets, sorted; of public and internal ones none does."""
        found = {self.scopes[name] for name in datasets if name in self.scopes}
        return tuple(sorted(found)) if found else ()


def region_words(low: float, high: float) -> Words | None:
    """The division all codes between two ends lie in, or None if they are no division.

    Examples
    --------
    >>> region_words(371300, 371399).zh
    '临沂市'
    """
    first, last = f"{low:06.0f}", f"{high:06.0f}"
    prefix = next((first[:n] for n in (2, 4, 6) if first[n:] == "0" * (6 - n)), "")
    name = region_name(prefix) if prefix and last == prefix.ljust(6, "9") else None
    return None if name is None else Words(zh=name, en=f"{name} ({prefix})")
