"""`xinqiao docs`: rewrite the pages that are made from the code."""

from collections.abc import Sequence
from datetime import date

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.facts import FACTS
from features.published import list_names, load_published
from features.quality_rules import load_rules
from features.reference import features_page
from features.reference_catalogue import catalogue_page, published_page
from features.reference_quality import quality_page
from features.rules.vocabulary import Vocabulary
from models.channels.book import load_channels
from models.matching.facts import load_facts
from models.policies.book import PolicyEntry, load_policies
from models.policies.reference import policies_page
from models.products.book import ProductEntry, load_products
from models.products.reference import products_page
from models.reasons import load_reasons
from models.reference import reasons_page
from models.signals.book import load_signals
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.signals.reference import signals_page
from models.tags.book import load_tags
from models.tags.reference import tags_page
from models.watching.setting import COLUMNS
from serving.access.reference import access_page
from serving.alerts.reference import alerts_page
from serving.consent.notices import load_notices
from serving.consent.reference import scopes_page
from serving.consent.rules import load_rules as load_consent_rules
from serving.disputes.reference import cases_page
from serving.reference.problems import problems_page
from serving.reports.reference import sections_page
from serving.reports.sections import load_layout
from xinqiao.console import show
from xinqiao.settings import CHECKOUT

HELP = """重写由代码生成的参考页。 Rewrite the reference pages that are made from the code.

例 Example: xinqiao docs
"""


def docs() -> None:
    """See `HELP`."""
    catalogue = load_catalogue()
    lists = [load_published(name) for name in list_names()]
    known = Vocabulary.of(COLUMNS, EXPOSURE_FACTS)
    pages = {
        "access.md": access_page(),
        "features.md": features_page(REGISTRY),
        "facts.md": features_page(FACTS, "Facts 事实字典"),
        "catalogue.md": catalogue_page(catalogue, lists),
        "published-lists.md": published_page(lists),
        "quality-rules.md": quality_page(load_rules()),
        "reasons.md": reasons_page(load_reasons()),
        "signals.md": signals_page(load_signals(), date.max, known, catalogue),
        "tags.md": tags_page(
            load_tags(), date.max, Vocabulary.of(COLUMNS, load_facts().terms), catalogue
        ),
        "products.md": products_page(load_products(), load_channels(), _newest(load_products())),
        "policies.md": policies_page(load_policies(), _newest(load_policies())),
        "consent-scopes.md": scopes_page(catalogue, load_consent_rules()[-1], load_notices()[-1]),
        "problems.md": problems_page(),
        "cases.md": cases_page(),
        "alerts.md": alerts_page(),
        "report-sections.md": sections_page(load_layout()),
    }
    folder = CHECKOUT / "docs" / "reference"
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
        show(f"已写入 docs/reference/{name}", f"wrote docs/reference/{name}")


def _newest(entries: Sequence[ProductEntry | PolicyEntry]) -> date:
    """The day the newest version begins: what has an end is shown while it stands."""
    return max(version.valid_from for entry in entries for version in entry.versions)
