"""The command: its verbs, and what happens to an error."""

import typer

from features.errors import XinqiaoError
from xinqiao import (
    audit,
    catalogue,
    consent,
    database,
    declare,
    demo,
    docs,
    dossier,
    drift,
    features,
    fit,
    ingest,
    lake,
    loans,
    match,
    needs,
    nightly,
    people,
    predict,
    pull,
    quality,
    rate,
    registry,
    serve,
    simulate,
    train,
    train_alert,
    watch,
    way_up,
    webhooks,
)
from xinqiao.console import LANGUAGE, fail
from xinqiao.settings import load_settings

app = typer.Typer(
    name="xinqiao",
    help="信桥：让银行看见小企业。 Shared credit data, cut at a moment and a consent, becomes a rating.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(lake.app, name="lake")
app.add_typer(consent.app, name="consent")
app.add_typer(loans.app, name="loans")
app.add_typer(needs.app, name="needs")
app.add_typer(database.app, name="database")
app.add_typer(features.app, name="features")
app.add_typer(people.app, name="people")
app.add_typer(quality.app, name="quality")
train.app.command("alert", help=train_alert.HELP)(train_alert.alert)
app.add_typer(train.app, name="train")
app.add_typer(simulate.app, name="simulate")
app.add_typer(declare.app, name="declare")
app.add_typer(audit.app, name="audit")
app.command("ingest", help=ingest.HELP)(ingest.ingest)
app.command("pull", help=pull.PULL_HELP)(pull.pull)
app.command("verify", help=pull.VERIFY_HELP)(pull.verify)
app.command("rate", help=rate.HELP)(rate.rate)
app.command("fit", help=fit.HELP)(fit.fit)
app.command("predict", help=predict.HELP)(predict.predict)
app.command("promote", help=registry.PROMOTE_HELP)(registry.promote)
app.command("rollback", help=registry.ROLLBACK_HELP)(registry.rollback)
app.command("history", help=registry.HISTORY_HELP)(registry.history)
app.command("drift", help=drift.HELP)(drift.drift)
app.command("dossier", help=dossier.HELP)(dossier.dossier)
app.command("watch", help=watch.HELP)(watch.watch)
app.command("match", help=match.HELP)(match.match)
app.command("nightly", help=nightly.HELP)(nightly.nightly)


app.command("way-up", help=way_up.HELP)(way_up.way_up)
app.command("demo", help=demo.HELP)(demo.demo)
app.command("serve", help=serve.HELP)(serve.serve)
app.command("webhook-kit", help=webhooks.HELP)(webhooks.webhook_kit)
app.command("docs", help=docs.HELP)(docs.docs)


def main() -> int:
    """Run the command; an error becomes one sentence and a non-zero exit."""
    LANGUAGE.set(load_settings().language)
    try:
        app()
    except XinqiaoError as error:
        return fail(error)
    return 0
