"""Phrase matching: what a message costs, alone and in batches, against two naive matchers in the same run.

`python -m bench.phrases` prints µs per message for 5,000 phrases, the ratios, and the time a reload takes. Texts and
phrases are drawn with a fixed seed; one comment in twenty holds a phrase, as in a lively room.
"""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median, quantiles

from app.rules.phrases.fold import fold
from app.rules.phrases.lexicon import Lexicon, Phrase, Spelling
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon, shipped_text

PHRASES, COMMENTS, LENGTH, WITH_PHRASE = 5_000, 8_192, 20, 0.05
COMMON = (
    "的一是了我不在人有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学"
)
COMMON += (
    "么之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱"
)


def grown(lexicon: Lexicon, size: int, rng: random.Random) -> Lexicon:
    """Return the lexicon with generated phrases added up to `size`; of two to five characters."""
    model, seen = lexicon.phrases[0], {spelling.folded for phrase in lexicon.phrases for spelling in phrase.spellings}
    chars = [chr(code) for code in range(0x4E00, 0x9000) if fold(chr(code)) == chr(code)]
    phrases: list[Phrase] = list(lexicon.phrases)
    while len(phrases) < size:
        word = "".join(rng.choices(chars, k=rng.randint(2, 5)))
        if word not in seen:
            seen.add(word)
            spelled = (Spelling(word, "phrase", word),)
            phrases.append(replace(model, id=f"GEN-{len(phrases)}", phrase=word, spellings=spelled, allow=()))
    return replace(lexicon, phrases=tuple(phrases))


def comments(lexicon: Lexicon, rng: random.Random) -> list[str]:
    texts = []
    for _ in range(COMMENTS):
        text = "".join(rng.choices(COMMON, k=LENGTH))
        if rng.random() < WITH_PHRASE:
            text = text[: LENGTH // 2] + rng.choice(lexicon.phrases).phrase + text[LENGTH // 2 :]
        texts.append(text)
    return texts


def per_message(
    run: Callable[[Sequence[str]], object], texts: Sequence[str], batch: int = 64, rounds: int = 5
) -> float:
    """Return µs per message, the median round."""
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        for first in range(0, len(texts), batch):
            run(texts[first : first + batch])
        took.append((time.perf_counter() - start) / len(texts) * 1e6)
    return median(took)


def single(matcher: Matcher, texts: Sequence[str]) -> tuple[float, float]:
    """Return the median and the 99th percentile of one `find`, in µs."""
    took = []
    for text in texts:
        start = time.perf_counter()
        matcher.find(text, "comment")
        took.append((time.perf_counter() - start) * 1e6)
    return median(took), quantiles(took, n=100)[98]


def main() -> None:
    rng = random.Random(7)
    start = time.perf_counter()
    shipped = parse_lexicon(shipped_text())
    parsed = time.perf_counter() - start
    lexicon = grown(shipped, PHRASES, rng)
    start = time.perf_counter()
    matcher = Matcher(lexicon)
    first = time.perf_counter() - start
    reloads = []
    for _ in range(7):
        start = time.perf_counter()
        Matcher(lexicon)
        reloads.append(time.perf_counter() - start)
    texts = comments(lexicon, rng)
    words = [spelling.folded for phrase in lexicon.phrases for spelling in phrase.spellings]
    alternation = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
    matcher.find_many(texts)  # both sides start warm

    print(f"{len(lexicon.phrases)} phrases, {len(texts)} comments of {LENGTH} characters")
    print(f"read the shipped lexicon      {parsed * 1e3:8.1f} ms ({len(shipped.phrases)} entries)")
    print(f"first matcher of a process    {first * 1e3:8.1f} ms (fold tables included)")
    print(f"reload from a parsed lexicon  {median(reloads) * 1e3:8.1f} ms")
    p50, p99 = single(matcher, texts)
    print(f"one message                   {p50:8.2f} µs p50, {p99:.2f} µs p99")
    batched = per_message(matcher.find_many, texts)
    print(f"batches of 64                 {batched:8.2f} µs a message")
    few = texts[:512]
    loop = per_message(lambda part: [[word for word in words if word in text] for text in part], few, rounds=3)
    print(f"`in`, one phrase at a time    {loop:8.2f} µs a message, {loop / batched:.0f} x batches of 64 (no folding)")
    scan = per_message(lambda part: [alternation.findall(text) for text in part], few, rounds=3)
    print(f"`re`, one alternation         {scan:8.2f} µs a message, {scan / batched:.0f} x batches of 64 (no folding)")


if __name__ == "__main__":
    main()
