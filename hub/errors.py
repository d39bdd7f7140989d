"""The one error type, and the one table of what each code means.

Inner rooms raise `Problem`; edges (`hub/web/problems.py`, `hub/cli`) render it. The codes are those of the
wire contract, section 8; nothing else ever crosses the wire. Titles are for people and come in Chinese and
English; details are English, name fields and never repeat a value that a person may have typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any


class Code(StrEnum):
    """What can be wrong, as `type` names it: `/problems/<code>`."""

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    STALE = "stale"
    REPLAYED = "replayed"
    NOT_ALLOWED = "not-allowed"
    NO_AGREEMENT = "no-agreement"
    UNKNOWN_KIND = "unknown-kind"
    INVALID = "invalid"
    WRONG_REVISION = "wrong-revision"
    CONFLICT = "conflict"
    NOT_FOUND = "not-found"
    TOO_MANY_REQUESTS = "too-many-requests"
    BUSY = "busy"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a code is shown: its HTTP status, its titles, and the next step for whoever meets it."""

    status: int
    en: str
    zh: str
    next_en: str
    next_zh: str


MEANINGS: dict[Code, Meaning] = {
    Code.MALFORMED: Meaning(
        400,
        "Not in the form that the contract asks for",
        "格式不符合约定",
        "Compare what was sent with the worked examples at /docs.",
        "请对照 /docs 中的示例检查所发送的内容。",
    ),
    Code.TOO_LARGE: Meaning(
        413,
        "Larger than the limit",
        "超出大小限制",
        "Send fewer or smaller records; the limits stand in /openapi.json.",
        "请减少或缩小记录；各项限制见 /openapi.json。",
    ),
    Code.UNSIGNED: Meaning(
        401,
        "A signature is missing or does not cover enough",
        "缺少签名或签名覆盖不全",
        "Sign @method, @target-uri and, with a body, content-digest, with every parameter that /docs names.",
        "请对 @method、@target-uri 以及（有正文时）content-digest 签名，并带齐 /docs 所列的全部参数。",
    ),
    Code.UNKNOWN_KEY: Meaning(
        401,
        "This key is not in the trust list, or not valid now",
        "密钥不在信任清单中或当前无效",
        "Ask for the key to be added to the trust list; `hub keys show` prints its id.",
        "请申请将该密钥加入信任清单；`hub keys show` 可显示密钥编号。",
    ),
    Code.BAD_SIGNATURE: Meaning(
        401,
        "The signature does not fit what was sent",
        "签名与内容不符",
        "Sign exactly the bytes that are sent, for exactly this address, with the key that is named.",
        "请用所声明的密钥，对实际发送的字节和地址签名。",
    ),
    Code.STALE: Meaning(
        401,
        "Made too long ago or in the future",
        "时间过期或超前",
        "Set the sender's clock (NTP) and try again.",
        "请校准发送方时钟（NTP）后重试。",
    ),
    Code.REPLAYED: Meaning(
        401,
        "This request was already made",
        "请求已被使用过",
        "Sign each request anew, with a new nonce.",
        "每次请求都应使用新的 nonce 重新签名。",
    ),
    Code.NOT_ALLOWED: Meaning(
        403,
        "This key may not do that",
        "该密钥无权执行此操作",
        "Check the key's city, use and kinds in the trust list.",
        "请核对信任清单中该密钥所属城市、用途和可签种类。",
    ),
    Code.NO_AGREEMENT: Meaning(
        403,
        "No agreement lets this flow",
        "没有协议允许此项交换",
        "Check parties, kinds, marking and dates of the agreement that the record names.",
        "请核对记录所引协议的缔约方、种类、共享标记和有效期。",
    ),
    Code.UNKNOWN_KIND: Meaning(
        422,
        "No schema of that name and version",
        "没有该名称和版本的模式",
        "See /docs for the kinds and versions that this node knows.",
        "本节点支持的种类和版本见 /docs。",
    ),
    Code.INVALID: Meaning(
        422,
        "Does not fit the schema",
        "内容不符合模式",
        "Mend the field that `where` points to.",
        "请修正 `where` 所指的字段。",
    ),
    Code.WRONG_REVISION: Meaning(
        409,
        "Does not follow the revision that is held",
        "与现有版本不衔接",
        "Fetch the newest revision of the record and build on it.",
        "请先取得该记录的最新版本，再在其上修订。",
    ),
    Code.CONFLICT: Meaning(
        409,
        "Another record holds this id and revision",
        "该编号和版本已有不同内容",
        "Send the bytes that were sent first, or make a new revision.",
        "请重发首次发送的原始内容，或制作新的版本。",
    ),
    Code.NOT_FOUND: Meaning(
        404,
        "Nothing here that this key may see",
        "此处没有该密钥可见的内容",
        "Check the address and the id.",
        "请核对地址和编号。",
    ),
    Code.TOO_MANY_REQUESTS: Meaning(
        429,
        "Too many requests",
        "请求过于频繁",
        "Wait as long as Retry-After says.",
        "请按 Retry-After 的时间等待后重试。",
    ),
    Code.BUSY: Meaning(
        503,
        "The node cannot take this now",
        "节点暂时无法处理",
        "Wait as long as Retry-After says, then sign and send the same content anew.",
        "请按 Retry-After 的时间等待后，重新签名并再次发送相同内容。",
    ),
    Code.INTERNAL: Meaning(
        500,
        "The node failed",
        "节点内部错误",
        "Tell the node's operator the request id.",
        "请将请求编号告知节点运维人员。",
    ),
}


class Problem(Exception):
    """A named refusal.

    `where` is a JSON pointer to what failed validation; `retry_after` is in seconds.
    """

    def __init__(
        self, code: Code, detail: str, *, where: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.where = where
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are else made again from `args` alone, on their way from another process.
        return partial(Problem, where=self.where, retry_after=self.retry_after), (self.code, self.detail)

    @property
    def meaning(self) -> Meaning:
        return MEANINGS[self.code]

    def title(self, language: str = "zh") -> str:
        """The title in `zh` or `en`."""
        return self.meaning.en if language == "en" else self.meaning.zh

    def next_step(self, language: str = "zh") -> str:
        """What to do about it, in `zh` or `en`."""
        return self.meaning.next_en if language == "en" else self.meaning.next_zh

    def to_dict(self, language: str = "zh") -> dict[str, Any]:
        """The RFC 9457 problem object."""
        problem: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title(language),
            "status": self.meaning.status,
            "detail": self.detail,
        }
        if self.where is not None:
            problem["where"] = self.where
        return problem

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where is not None else ""
        return f"{self.code}: {self.detail}{where}"
