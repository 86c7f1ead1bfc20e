"""What a town contains: facts, traps, delays, and ids that say nothing."""

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simulator.report import describe
from simulator.traps import TRAPS
from tests.unit.simulator.towns import Town

#: What a careful reader finds in the delivered files alone, trap by trap: codes of firms.
READERS = {
    "seasonal": """SELECT uscc FROM electricity_month GROUP BY uscc
        HAVING max(usage) FILTER (WHERE month % 100 IN (11, 12, 1, 2)) = 0
        AND min(usage) FILTER (WHERE month % 100 BETWEEN 4 AND 9) > 0""",
    "new_without_tax": """SELECT uscc FROM tax_filing_month JOIN
        (SELECT uscc, min(established_on) AS born FROM reg_basic GROUP BY uscc) USING (uscc) GROUP BY uscc
        HAVING min(make_date(month // 100, month % 100, 1)) >= min(born) + INTERVAL 5 MONTH""",
    "park_moved": "SELECT uscc FROM reg_change WHERE before = '老工业园' AND change_item = 'address'",
    "repaired_serious_penalty": """SELECT uscc FROM admin_penalty
        WHERE severity = 'serious' AND repaired_at IS NOT NULL""",
    "consent_revoked_in_loan": """SELECT c.uscc FROM consent_event c JOIN
        (SELECT uscc, month FROM repayment_snapshot WHERE balance > 0) s ON s.uscc = c.uscc
        AND s.month = year(c.occurred_at) * 100 + month(c.occurred_at)
        WHERE c.event = 'revoked' AND c.grantee = 'platform'""",
    "fabricated_sales": """SELECT d.uscc FROM truth_defaults d
        JOIN invoice_month i ON i.uscc = d.uscc JOIN electricity_month e ON e.uscc = d.uscc AND e.month = i.month
        WHERE d.month // 100 * 12 + d.month % 100 - (i.month // 100 * 12 + i.month % 100) BETWEEN 0 AND 23
        GROUP BY d.uscc
        HAVING regr_slope(ln(greatest(out_amount, 1)) - ln(greatest(usage, 1)), i.month // 100 * 12 + i.month % 100) > 0""",
    "fund_gap": """SELECT uscc FROM pension_month GROUP BY uscc
        HAVING min(month) < 202307 AND max(month) > 202308 AND count(*) FILTER (WHERE month IN (202307, 202308)) = 0""",
    "converted_to_company": "SELECT uscc FROM reg_change WHERE change_item = 'type' AND before <> after",
    "double_account": """SELECT uscc FROM (SELECT DISTINCT uscc, account_no, month, usage FROM electricity_month)
        GROUP BY uscc, month HAVING count(*) = 2 AND min(usage) = max(usage)""",
    "judgment_after_default": """SELECT j.uscc FROM judgment_debtor j JOIN
        (SELECT uscc, min(month) AS month FROM repayment_snapshot WHERE dpd > 90 GROUP BY uscc) d ON d.uscc = j.uscc
        WHERE year(filed_on) * 100 + month(filed_on) > d.month""",
}


def test_every_fact_holds(town: Town) -> None:
    """Tolerances are for twenty thousand firms; the town is smaller."""
    wrong = {
        line.name: (line.found, line.value)
        for line in describe(town.folder, widened=1.5)
        if not line.holds
    }
    assert wrong == {}


def test_every_trap_is_laid_and_has_a_reader() -> None:
    assert set(READERS) == set(TRAPS)


@pytest.mark.parametrize("trap", TRAPS)
def test_a_careful_reader_finds_the_trap(trap: str, town: Town) -> None:
    found = {str(row[0]) for row in town.rows(READERS[trap])}
    listed = {
        str(row[0]) for row in town.rows(f"SELECT uscc FROM truth_traps WHERE trap = '{trap}'")
    }
    assert len(listed) == town.city.traps[trap] > 0
    assert found & listed


def test_a_conversion_keeps_the_quality_and_closes_the_old_firm(town: Town) -> None:
    rows = town.rows(
        "SELECT a.quality = b.quality, a.dies = b.born FROM reg_change c "
        "JOIN truth_firms a ON a.uscc = c.before JOIN truth_firms b ON b.uscc = c.after "
        "WHERE c.change_item = 'type'"
    )
    assert rows
    assert set(rows) == {(True, True)}


def test_months_are_the_sum_of_their_invoices(town: Town) -> None:
    wrong = town.number(
        """WITH lines AS (SELECT DISTINCT * FROM invoice_line), sums AS (
        SELECT uscc, year(issued_on) * 100 + month(issued_on) AS month,
        sum(amount) FILTER (WHERE direction = 'sales' AND status = 'valid') AS net,
        count(*) FILTER (WHERE direction = 'sales' AND status = 'valid' AND amount > 0) AS invoices,
        count(DISTINCT counterparty) FILTER (WHERE direction = 'sales' AND status = 'valid' AND amount > 0) AS buyers,
        count(*) FILTER (WHERE direction = 'sales' AND status = 'void') AS voided
        FROM lines GROUP BY ALL)
        SELECT count(*) FROM (SELECT DISTINCT * FROM invoice_month) m LEFT JOIN sums USING (uscc, month)
        WHERE abs(out_amount - coalesce(net, 0)) > 0.005 OR out_count <> coalesce(invoices, 0)
        OR buyer_count <> coalesce(buyers, 0) OR void_count <> coalesce(voided, 0)"""
    )
    assert wrong == 0
    assert town.city.rows["invoice_month"] > 10_000


def test_a_first_default_is_reported_ten_to_forty_days_late(town: Town) -> None:
    low, high = town.rows(
        """SELECT min(days), max(days) FROM (SELECT datediff('day', last_day(make_date(month // 100, month % 100, 1)),
        CAST(delivered_at AS DATE)) AS days FROM repayment_snapshot JOIN truth_defaults USING (uscc, loan_id, month))"""
    )[0]
    assert (low, high) == (10, 40)


def test_a_cured_loan_goes_on_and_its_class_comes_back_in_two_steps(town: Town) -> None:
    """Six months substandard (3) after the payment, six of special mention (2), then by days late."""
    rows = town.rows(
        """WITH snap AS (SELECT DISTINCT loan_id, month // 100 * 12 + month % 100 AS m, dpd, balance,
            CAST(five_class AS VARCHAR) AS class FROM repayment_snapshot SEMI JOIN
            (SELECT loan_id FROM truth_defaults WHERE is_cured AND relapse_month IS NULL) USING (loan_id)),
        cure AS (SELECT loan_id, max(m) + 1 AS m FROM snap WHERE dpd > 90 GROUP BY loan_id)
        SELECT snap.m - cure.m AS since, list_sort(list_distinct(list(class))), count(*)
        FROM snap JOIN cure USING (loan_id) WHERE snap.m - cure.m BETWEEN 0 AND 11 AND dpd = 0 AND balance > 0
        GROUP BY since ORDER BY since"""
    )
    assert [(since, classes) for since, classes, _ in rows] == [
        (since, ["3"] if since < 6 else ["2"]) for since in range(12)
    ]


def test_a_cured_firm_may_default_again(town: Town) -> None:
    """Otherwise a past default would be a sign of safety."""
    cured, again = town.rows(
        "SELECT count(*), count(relapse_month) FROM truth_defaults WHERE is_cured"
    )[0]
    assert 0 < float(str(again)) < float(str(cured))


def test_some_firms_leave_the_register_with_a_sound_loan_on_the_books(town: Town) -> None:
    found = town.number(
        """SELECT count(DISTINCT s.uscc) FROM repayment_snapshot s JOIN reg_status_event e ON e.uscc = s.uscc
        AND s.month > year(e.decided_on) * 100 + month(e.decided_on) AND s.balance > 0
        WHERE s.uscc NOT IN (SELECT uscc FROM truth_defaults)"""
    )
    assert found > 0


def test_tied_firms_share_a_representative_or_a_large_holder_and_no_others_do(town: Town) -> None:
    """Chance alone meets on about 3000^2 / 2 / 16 million = 0.3 numbers."""
    ties = """WITH person AS (SELECT uscc, CAST(legal_rep_id_no AS VARCHAR) AS id_no FROM reg_basic
        UNION SELECT uscc, CAST(holder_id_no AS VARCHAR) FROM reg_shareholder
        WHERE holder_id_no <> '' AND share_ratio >= 0.25)
        SELECT DISTINCT a.uscc, b.uscc AS other FROM person a JOIN person b ON a.id_no = b.id_no AND a.uscc <> b.uscc"""
    told = "SELECT uscc, sister FROM truth_firms WHERE sister IS NOT NULL"
    assert town.number(f"SELECT count(*) FROM ({told})") == pytest.approx(300, rel=0.05)
    assert town.number(f"SELECT count(*) FROM ({told} EXCEPT ({ties}))") == 0
    converted = "SELECT before, after FROM reg_change WHERE change_item = 'type'"
    others = f"SELECT uscc, other FROM ({ties}) WHERE uscc NOT IN (SELECT unnest([before, after]) FROM ({converted}))"
    assert town.number(f"SELECT count(*) FROM ({others} EXCEPT ({told}))") <= 8


def test_a_shared_person_says_nothing_of_quality(town: Town) -> None:
    """300 firms in 150 pairs: standard errors 1 / sqrt(300) = 0.06 and 1 / sqrt(150) = 0.08."""
    mean, together = town.rows(
        "SELECT avg(a.quality), corr(a.quality, b.quality) FROM truth_firms a "
        "JOIN truth_firms b ON a.sister = b.uscc"
    )[0]
    assert abs(float(str(mean))) < 0.2
    assert abs(float(str(together))) < 0.3


def test_a_fund_states_arrears_for_every_month_that_was_not_paid(town: Town) -> None:
    """Up to a firm's last paid month; months that come a month late may not have come by the last day."""
    wrong = town.number(
        f"""WITH paid AS (SELECT DISTINCT uscc, month FROM medical_month),
        last AS (SELECT uscc, max(month) AS last_month FROM paid GROUP BY uscc),
        filed AS (SELECT DISTINCT uscc, year(stat_date) * 100 + month(stat_date) AS month, in_arrears FROM medical_filing
            WHERE delivered_at < DATE '{town.city.last_day}' - 31)
        SELECT count(*) FROM filed JOIN last USING (uscc) ANTI JOIN paid USING (uscc, month)
        WHERE month < last_month AND NOT in_arrears"""
    )
    share = town.number("SELECT avg(in_arrears::INT) FROM medical_filing")
    assert wrong == 0
    assert 0.005 < share < 0.05


def test_a_tax_grade_is_known_in_the_april_after_its_year(town: Town) -> None:
    wrong = town.number(
        "SELECT count(*) FROM tax_credit_rating WHERE year(published_on) <> rating_year + 1 "
        "OR month(published_on) <> 4 OR delivered_at < published_on"
    )
    assert wrong == 0


def test_authorised_rows_need_a_consent_that_was_there(town: Town) -> None:
    """Every row was collected under a consent to the platform that was granted before and opens it."""
    for dataset, scope in (
        ("electricity_month", "utilities"),
        ("invoice_line", "invoice"),
        ("tax_filing_month", "tax"),
    ):
        wrong = town.number(
            f"SELECT count(*) FROM {dataset} d LEFT JOIN consent_event c ON c.uscc = d.uscc "
            "AND c.consent_id = d.consent_id AND c.event = 'granted' "
            f"WHERE c.uscc IS NULL OR c.delivered_at > d.delivered_at OR NOT contains(c.scopes, '{scope}')"
        )
        assert (dataset, wrong) == (dataset, 0)


def test_ids_order_serials_and_consent_say_nothing_of_quality(town: Town) -> None:
    """A model on half of the firms must not know the other half: AUC 0.5 within 0.05 (1,200 firms)."""
    rows = town.rows(
        "SELECT f.uscc, c.consent_id, c.scopes, f.quality > 0 FROM truth_firms f JOIN consent_event c "
        "ON c.uscc = f.uscc AND c.event = 'granted' AND c.purpose = 'pre_credit' ORDER BY f.uscc"
    )
    scopes = sorted({part for row in rows for part in str(row[2]).replace("；", ";").split(";")})
    matrix = np.array(
        [
            [
                *map(ord, str(uscc)[11:17]),
                place,
                *map(ord, str(consent)[2:8]),
                *(s in str(opened) for s in scopes),
            ]
            for place, (uscc, consent, opened, _) in enumerate(rows)
        ],
        dtype=np.float64,
    )
    is_good = np.array([bool(row[3]) for row in rows])
    learn = np.random.default_rng(0).random(len(rows)) < 0.5
    model = lgb.LGBMClassifier(n_estimators=60, num_leaves=8, verbose=-1, n_jobs=1, random_state=0)
    model.fit(matrix[learn], is_good[learn])
    guess = np.asarray(model.predict_proba(matrix[~learn]))[:, 1]
    assert abs(roc_auc_score(is_good[~learn], guess) - 0.5) < 0.05
