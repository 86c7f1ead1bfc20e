"""Which model this is, and who answers for it."""

from collections.abc import Sequence

from training.dossier.blocks import Block, Note, Section, Table, pairs, text
from training.dossier.review import Review


def inventory(review: Review) -> Section:
    """Identity, versions, hashes and parameters."""
    say, manifest, study = review.say, review.bundle.manifest, review.study
    head = (say("项目", "item"), say("内容", "content"))
    facts = [
        (say("模型", "model"), f"{study.model} {study.version}"),
        (
            say("模型包编号（清单的 SHA-256）", "bundle id (SHA-256 of its manifest)"),
            study.bundle_id,
        ),
        (say("制作时刻", "made at"), f"{manifest.created_at:%Y-%m-%d %H:%M %z}"),
        (say("数据截至", "data until"), study.data_until.isoformat()),
        (say("主标尺", "master scale"), manifest.scale_id),
        (say("评判阈值", "limits of judgement"), review.limits.id),
        (
            say("校准直线", "calibration line"),
            f"logit(PD) = {manifest.calibration.intercept:.4f} + {manifest.calibration.slope:.4f} · m",
        ),
        (say("特征数", "features"), say.count(len(manifest.features))),
        (say("参考企业数", "reference firms"), say.count(manifest.reference_firms)),
        *((f"{name}", version) for name, version in manifest.libraries.items()),
    ]
    blocks: list[Block] = [
        pairs(say("模型清单", "Model inventory"), head, facts),
        pairs(
            say("文件与 SHA-256", "Files and SHA-256"),
            (say("文件", "file"), "SHA-256"),
            list(manifest.files.items()),
        ),
    ]
    if study.parameters:
        title = say("参数（含随机种子）", "Parameters, random seed among them")
        blocks.append(
            pairs(
                title,
                (say("参数", "parameter"), say("值", "value")),
                list(study.parameters.items()),
            )
        )
    return Section(
        "inventory",
        say("模型清单", "Inventory"),
        say(
            "凭编号与哈希可核对：在用的模型就是这里评审的模型。",
            "By id and hashes anyone can check that the model that serves is the model reviewed here.",
        ),
        tuple(blocks),
    )


def sign_off(review: Review) -> Section:
    """Decisions on record, and lines to sign."""
    say = review.say
    return Section(
        "sign-off",
        say("签署", "Sign-off"),
        say(
            "评审人须独立于开发人；签署前先看黄灯、红灯与未评判的项目。",
            "The reviewer must be independent of the developer, and looks at amber, red and unjudged figures first.",
        ),
        tuple(_signing(review)),
    )


_ACTIONS = {
    "trained": ("训练", "trained"),
    "promoted": ("启用", "promoted"),
    "rolled_back": ("回退", "rolled back"),
}


def _signing(review: Review) -> Sequence[Block]:
    say = review.say
    blocks: list[Block] = []
    if review.history:
        rows = tuple(
            (
                text(entry.since),
                text(say(*_ACTIONS[entry.action])),
                text(entry.by),
                text(entry.reviewer or "–"),
                text(entry.reason),
                text(entry.despite or "–"),
            )
            for entry in review.history
        )
        head = (
            say("时刻", "when"),
            say("决定", "decision"),
            say("决定人", "by"),
            say("复核人", "reviewer"),
            say("理由", "reason"),
            say("越过未通过项的理由", "why a failed check was overruled"),
        )
        blocks.append(Table(say("登记记录", "On record"), head, rows))
    else:
        blocks.append(Note(say("尚无登记的决定。", "No decision is on record yet.")))
    roles = (
        say("开发人", "developer"),
        say("独立评审人", "independent reviewer"),
        say("决定（同意·有条件·不同意）", "decision (yes · with conditions · no)"),
    )
    head = (
        say("角色", "role"),
        say("姓名", "name"),
        say("日期", "date"),
        say("签名", "signature"),
    )
    empty = tuple((text(role), text(""), text(""), text("")) for role in roles)
    blocks.append(Table(say("待签", "To be signed"), head, empty))
    return blocks
