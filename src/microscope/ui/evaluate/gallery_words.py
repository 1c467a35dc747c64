"""Every word that the gallery of items shows in the browser; `{name}` stands for what the page fills in."""

from __future__ import annotations

FILTERS = {
    "show_all": "All",
    "show_fixed": "Fixed",
    "show_broken": "Broken",
    "show_disagree": "Disagree",
    "show_all_wrong": "All wrong",
    "show_all_right": "All right",
    "show_unparsed": "Unreadable",
    "show_failed": "Failed",
    "show_rules": "Rules decide",
    "why_all": "Every item",
    "why_fixed": "Only {second} is right, {first} is not",
    "why_broken": "Only {first} is right, {second} is not",
    "why_disagree": "Some are right and some are wrong",
    "why_all_wrong": "Nobody is right",
    "why_all_right": "Everybody is right",
    "why_unparsed": "In some answer the scorer could read none",
    "why_failed": "Some answer could not be made",
    "why_rules": "Some score differs between strict, normal and lenient rules",
}

BAR = {
    "bar": "Which items are shown",
    "filters": "Show",
    "search": "Search",
    "search_hint": "Question, answer, id",
    "kind": "Kind",
    "tag": "Tag",
    "any": "any",
    "name_count": "{name} ({count})",
    "sort": "Order",
    "sort_set": "as in the set",
    "sort_disagreement": "most disagreement first",
    "sort_worst": "lowest score first",
    "sort_best": "highest score first",
    "first": "Fixed and broken: from",
    "second": "Fixed and broken: to",
    "slice": "Only {name}",
    "slice_close": "Show items outside of {name}, too",
    "found_none": "No item fits. Clear the search, or choose All.",
    "found_one": "1 item",
    "found_many": "{count} items",
    "found_of": "{found} of {all}",
    "so_far": "{items} of {of} items answered so far",
    "rule": "Right: a score of {right} or more under the normal rules.",
    "keys": "Keys: arrows or j and k move, Enter opens, c compares, l looks inside, / searches.",
    "empty": "No items yet: run a set, or open a result.",
    "loading": "Loading more items",
    "late": "The items did not come.",
    "again": "Try again",
}

CARD = {
    "feed": "Items",
    "place": "Item {place}",
    "accepted": "Accepted",
    "no_reference": "none",
    "more_answers": "and {count} more",
    "choices": "Choices",
    "enlarge": "Enlarge the picture of item {place}",
    "no_picture": "No picture",
    "compare": "Compare",
    "lens": "Lens",
    "compare_item": "Open item {place} in Compare",
    "lens_item": "Open item {place} in the Lens",
    "answers_of": "Answers to item {place}",
    "mark_right": "✓ right",
    "mark_wrong": "✗ wrong",
    "mark_failed": "⚠ failed",
    "soft": "score {score}",
    "unparsed": "? no answer could be read",
    "cut": "… cut at the most tokens",
    "empty_answer": "no words",
    "rules_differ": "strict: {strict}, lenient: {lenient}",
    "rule_right": "right",
    "rule_wrong": "wrong",
    "fixed": "↑ fixed",
    "broken": "↓ broken",
}

LARGE = {
    "large_title": "Item {place}",
    "position": "{position} of {total}",
    "previous": "Previous",
    "next": "Next",
    "close": "Close",
    "picture_of": "Picture of item {place}",
    "boxes": "Show the evidence",
    "boxes_none": "No evidence is marked for this item.",
    "large_loading": "The large picture is on its way.",
    "three_rules": "strict {strict}, normal {normal}, lenient {lenient}",
}

# What the ground that the lens shares asks for.
GROUND = {"below_tenth": "< 0.1\u00a0%"}

WORDS: dict[str, str] = {**FILTERS, **BAR, **CARD, **LARGE, **GROUND}
