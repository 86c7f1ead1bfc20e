"""The numbers of the city, read from `parameters.yaml` and checked; no number stands in code."""

from datetime import date
from functools import cache
from pathlib import Path

from features.documents import Document, load_document
from features.errors import SimulationError

PARAMETERS = Path(__file__).parent / "parameters.yaml"


class Population(Document):
    """Who is there: kinds, sizes, industries, births and deaths."""

    entity: dict[str, float]
    size: dict[str, float]
    births_per_month: float
    oldest_years: int
    exit_by_year: list[float]
    exit_own: float
    exit_by_quality: float
    industry_company: dict[str, float]
    industry_individual: dict[str, float]
    capital_median_cny: float
    capital_sigma: float
    capital_steps_cny: list[int]
    paid_in_beta: list[float]
    paid_in_none: float
    revenue_median_cny: list[float]
    revenue_sigma: list[float]
    heads_mean: list[float]
    heads_dispersion: list[float]
    tied: float
    tied_by_representative: float
    individual_without_heads: float


class Latent(Document):
    """What nobody delivers: quality, stress, macro, the chance of a default, the decline before it."""

    macro_ar: float
    macro_sigma: float
    stress_ar: float
    stress_sigma: float
    stress_by_quality: float
    intercept: float
    scale: float
    by_stress: float
    by_sister: float
    by_quality: float
    by_debt: float
    young: float
    by_macro: float
    industry: dict[str, float]
    individual: float
    drift_months: list[int]
    drift_electricity: float
    drift_invoices: float
    drift_heads: float
    false_alarm_per_year: float
    debt_mean: float
    debt_by_quality: float
    debt_sigma: float
    death_after_default: float
    death_delay_months: list[int]


class Signals(Document):
    """How the latent course shows in what is delivered."""

    by_quality: float
    by_decline: float
    bill: float
    filing: float
    payroll_gap: float
    slip: float
    adverse: float
    favourable: float
    margin: float
    margin_by_quality: float
    margin_by_stress: float
    margin_sigma: float
    grade_steady_sigma: float
    grade_yearly_sigma: float
    grade_by_stress: float


class Consent(Document):
    """Who joins and what they open."""

    joined: float
    joined_before_months: int
    join_delay_months: int
    back_history_months: int
    valid_years: int
    modelling: float
    scopes: dict[str, float]
    openness: float
    postloan: float
    revoked_per_year: float
    narrowed_per_year: float


class Activity(Document):
    """Revenue and what follows from it."""

    revenue_growth: float
    revenue_growth_by_quality: float
    revenue_noise: float
    revenue_by_stress: float
    seasonal_sections: list[str]
    seasonal: float
    sales_season: list[float]
    electricity_season: list[float]
    heads_season: list[float]
    electricity_constant: dict[str, float]
    electricity_sigma: float
    electricity_price_cny: float
    water: float
    gas: float
    gas_elsewhere: float
    late_bill: float
    filing_late: float
    zero_filing: float
    payroll_gap: float
    arrears_stay: float
    contribution_cny: float
    insured_share: float
    housing_fund: float
    exporter: float
    line_share: float
    lines_per_month: float
    max_lines_per_month: int
    top_buyer_beta: list[float]


class Events(Document):
    """Yearly rates of single events."""

    penalty: list[float]
    penalty_industry: dict[str, float]
    penalty_severity: dict[str, float]
    penalty_fine_median_cny: float
    penalty_fine_sigma: float
    repair: dict[str, list[float]]
    coercion: float
    abnormal: list[float]
    abnormal_removed: float
    serious_list: float
    judgment_debtor: float
    judgment_before_default: float
    dishonest: float
    after_default: float
    after_default_days: list[int]
    defendant: float
    plaintiff: float
    suits_before_default: float
    equity_pledge: float
    equity_freeze: float
    chattel_mortgage: float
    chattel_mortgage_c: float
    legal_rep_change: float
    other_change: float
    spot_check: float
    licence: float
    licence_elsewhere: float
    tax_arrears: float
    tax_nonnormal: float
    tax_major: float
    tax_major_public_years: int
    gov_contract: float
    bid: float
    policy_fund: float
    honor: float
    patent: float
    trademark: float
    qualification: float
    realestate_seizure: float
    bankruptcy: float
    report_late: float
    hnte: float
    hnte_cim: float
    tech_sme: float
    env_grades: dict[str, float]
    tax_grades: dict[str, float]


class Loans(Document):
    """Applications, grants, terms, slips."""

    apply_per_year: float
    granted: float
    granted_by_quality: float
    warm_up_months: int
    renewed: float
    second_loan: float
    terms_months: dict[int, float]
    amount_to_revenue: float
    amount_sigma: float
    amount_bounds_cny: list[int]
    decision_days: int
    rates: dict[int, float]
    grant_season: list[float]
    slip_per_month: float
    long_slip_per_month: float
    cure: float
    cure_months: list[int]
    probation_months: int
    watch_months: int
    plan_months: list[int]
    relapse: float
    paid_after_exit: float
    loss_beta: list[float]
    bad_rate_12m: list[float]
    late_feedback_days: list[int]


class Dirt(Document):
    """What is wrong with deliveries."""

    wrong_name: float
    wrong_code: float
    half_width: float
    late_month: float
    repeated: float
    gb18030: list[str]


class Traps(Document):
    """What a careless reader of the data falls into."""

    fabricated: float
    fabricated_growth: float
    converted: float
    double_account: float
    new_without_tax: float
    new_without_tax_months: int
    park: float
    repaired_serious: float
    fund_gap_months: int


class Details(Document):
    """Smaller shares."""

    amount_not_stated: float
    withdrawn: float
    first_loan: float
    postloan_revoked: float
    patent_pledged: float
    environment_key: float
    technology_asked: float
    key_persons: float
    guarantees_given: float
    listed_for_no_report: float
    reported_later: float
    farm_insured: float
    farm_subsidised: float
    households: float
    credit_areas: float
    spot_check_fixed: float
    unpaid_when_late: float


class Parameters(Document):
    """All of them; units and sources stand beside each number in the file."""

    dated: date
    last_month: int
    block_firms: int
    population: Population
    latent: Latent
    signals: Signals
    consent: Consent
    activity: Activity
    events: Events
    loans: Loans
    dirt: Dirt
    traps: Traps
    details: Details


@cache
def load_parameters(path: Path = PARAMETERS) -> Parameters:
    """Read the parameters once.

    Raises
    ------
    SimulationError
        With the file, the key and what was expected there.
    """
    return load_document(path, Parameters, SimulationError)
