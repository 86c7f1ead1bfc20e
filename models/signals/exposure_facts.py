"""Facts of an exposure that no feature can be: they depend on whose loan it is, or on a model."""

from features.rules.vocabulary import Term

_OWN = frozenset[str]()
_OTHER = frozenset({"loan_account", "repayment_snapshot"})

#: A lender's own loans are its own, so they need no dataset to be open.
EXPOSURE_FACTS: tuple[Term, ...] = (
    Term("own_loan_days_past_due_days", "days", datasets=_OWN),
    Term("own_loan_days_to_maturity_days", "days", datasets=_OWN),
    Term("own_loan_balance_cny", "cny", datasets=_OWN),
    Term("own_loan_age_months", "months", datasets=_OWN),
    Term("own_loan_is_green", "flag", datasets=_OWN),
    #: `executions_new_amount_sum_1m_cny` over `own_loan_balance_cny`, at most 10.
    Term("executions_new_over_own_loan_ratio", "ratio", datasets=frozenset({"judgment_debtor"})),
    #: Mortgages of real estate learnt of within the month whose mortgagee is not the institution.
    Term("mortgages_to_others_new_count_1m", "count", datasets=frozenset({"realestate_mortgage"})),
    Term("other_loan_days_past_due_days", "days", datasets=_OTHER),
    Term("other_loan_class_level", "level", datasets=_OTHER),
    Term("lender_queries_count_90d", "count", datasets=_OWN),
    Term("warning_over_cut_off", "flag", datasets=_OWN),
    Term("grade_steps_down_3m", "count", datasets=_OWN),
    Term("grade_is_ccc_or_worse", "flag", datasets=_OWN),
    Term("guarantor_in_trouble", "flag", datasets=_OWN),
    Term("authorised_data_days_overdue_days", "days", datasets=_OWN),
)
