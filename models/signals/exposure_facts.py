"""Facts of an exposure that no feature can be: they depend on whose loan it is, or on a model."""

from collections.abc import Mapping

from features.facts.feeds import FEED_FACTS
from features.facts.mortgages import NEW_MORTGAGES
from features.rules.vocabulary import Term

_OWN = frozenset[str]()
_OTHER = frozenset({"loan_account", "repayment_snapshot"})

#: A lender's own loans are its own, so they need no dataset to be open.
EXPOSURE_FACTS: tuple[Term, ...] = (
    Term("own_loan_days_past_due_days", "days", datasets=_OWN),
    Term("own_loan_days_to_maturity_days", "days", datasets=_OWN),
    Term("own_loan_balance_cny", "cny", datasets=_OWN),
    Term("own_loan_age_months", "months", datasets=_OWN),
    #: Whether any of them is; unknown where none is said to be and one does not say.
    Term("own_loan_is_green", "flag", datasets=_OWN),
    #: `executions_new_amount_sum_1m_cny` over `own_loan_balance_cny`, at most 10.
    Term("executions_new_over_own_loan_ratio", "ratio", datasets=frozenset({"judgment_debtor"})),
    #: Mortgages of real estate learnt of within the month, registered since its latest grant for another.
    Term("mortgages_to_others_new_count_1m", "count", datasets=frozenset({"realestate_mortgage"})),
    Term("other_loan_days_past_due_days", "days", datasets=_OTHER),
    Term("other_loan_class_level", "level", datasets=_OTHER),
    #: Institutions that asked for a rating or a report before credit. The platform knows who asked; it tells
    #: as much of a firm as its loans elsewhere, and so the same scope opens it.
    Term("lender_queries_count_90d", "count", datasets=_OTHER),
    Term("warning_over_cut_off", "flag", datasets=_OWN),
    Term("grade_steps_down_3m", "count", datasets=_OWN),
    Term("grade_is_ccc_or_worse", "flag", datasets=_OWN),
    Term("guarantor_in_trouble", "flag", datasets=_OWN),
    #: The latest of the monthly tables that the firm has opened to the institution and that still came in
    #: when it opened them.
    Term("authorised_data_days_overdue_days", "days", datasets=_OWN),
)

#: Features and facts of the firm that some of them are made of.
MADE_OF: Mapping[str, tuple[str, ...]] = {
    "executions_new_over_own_loan_ratio": ("executions_new_amount_sum_1m_cny",),
    "mortgages_to_others_new_count_1m": (NEW_MORTGAGES,),
    "authorised_data_days_overdue_days": tuple(fact.name for fact in FEED_FACTS),
}
