"""Options of single layers: rules by parameter name that a recipe gives an optimiser.

::

    optimizer:
      name: adamw
      groups:
        - {match: "head.*", learning_rate_scale: 10, weight_decay: 0}
        - {match: "*.bias", learning_rate_scale: 2}

`*` stands for any letters, dots too, `?` for one. The first rule whose pattern matches a parameter
holds for it, and no other; what it does not name stays as it was. Names are those that
`model.named_parameters()` gives, preceded by the network's name where a method has several.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from netwright._errors import must_be
from netwright.methods.base import ParameterGroup
from netwright.train.optimizers.build import goes_free

__all__ = ["GroupRule", "apply_rules", "parameter_names", "refuse_idle_rules"]

_PENALTIES = ("weight_decay", "l1")
_LEAD = "model."  # the network of a supervised method; nobody who wrote it calls it so


@dataclass(frozen=True, kw_only=True)
class GroupRule:
    """What differs for the parameters that a pattern matches.

    Attributes:
        match: pattern of names.
        options: of the optimiser; `lr` in place of the run's learning rate, `lr_scale` times it.
            A `weight_decay` or `l1` above 0 spares biases and scales among those it matches, unless
            it matches nothing else: `*.bias` asks for it.
    """

    match: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def holds_for(self, name: str) -> bool:
        """Whether the pattern matches."""
        return fnmatchcase(name, self.match) or fnmatchcase(name.removeprefix(_LEAD), self.match)


def parameter_names(method: nn.Module) -> dict[int, str]:
    """From the identity of each parameter to its name within the method."""
    return {id(parameter): name for name, parameter in method.named_parameters()}


def refuse_idle_rules(rules: Sequence[GroupRule], method: nn.Module) -> None:
    """Refuse a rule that holds for no parameter, with the names that are nearest.

    Raises:
        BadValue: in one sentence.
    """
    names = list(parameter_names(method).values())
    first = {name: _first(rules, name) for name in names}
    for rule in rules:
        if any(chosen is rule for chosen in first.values()):
            continue
        if any(rule.holds_for(name) for name in names):
            raise must_be(
                "optimizer.groups",
                "in an order in which each rule holds for a parameter",
                rule.match,
                "Earlier patterns match all that it matches: put it before them.",
            )
        raise must_be(
            "optimizer.groups",
            "patterns that each match a parameter",
            rule.match,
            f"The nearest names are {', '.join(_nearest(rule.match, names))}.",
        )


def apply_rules(
    groups: Sequence[ParameterGroup], rules: Sequence[GroupRule], *, names: Mapping[int, str]
) -> list[ParameterGroup]:
    """The groups divided by the rules.

    Args:
        groups: of one optimiser, as a method gives them.
        rules: the first that matches holds.
        names: of `parameter_names`; a group's own name counts where a parameter is not there.
    """
    sparing = {id(rule): _spares(rule, rules, groups, names=names) for rule in rules}
    divided: list[ParameterGroup] = []
    for group in groups:
        parts: dict[int | None, dict[str, nn.Parameter]] = {}
        free: dict[int | None, bool] = {}
        for own, parameter in group.parameters.items():
            rule = _first(rules, names.get(id(parameter), own))
            exempt = rule is not None and sparing[id(rule)] and _is_exempt(group, own)
            key = None if rule is None else 2 * rules.index(rule) + exempt
            parts.setdefault(key, {})[own] = parameter
            free[key] = exempt
        for key, parameters in parts.items():
            options = {} if key is None else dict(rules[key // 2].options)
            if free[key]:
                options = {name: value for name, value in options.items() if not _adds(name, value)}
            divided.append(ParameterGroup(parameters=parameters, options=_joined(group, options)))
    return divided


def _joined(group: ParameterGroup, options: Mapping[str, Any]) -> dict[str, Any]:
    """A scale is a scale of what the method had; all else replaces it."""
    joined = {**group.options, **options}
    if "lr" in options:
        joined["lr_scale"] = options.get("lr_scale", 1.0)
    elif "lr_scale" in options:
        joined["lr_scale"] = options["lr_scale"] * group.options.get("lr_scale", 1.0)
    return joined


def _first(rules: Sequence[GroupRule], name: str) -> GroupRule | None:
    return next((rule for rule in rules if rule.holds_for(name)), None)


def _spares(
    rule: GroupRule,
    rules: Sequence[GroupRule],
    groups: Sequence[ParameterGroup],
    *,
    names: Mapping[int, str],
) -> bool:
    """Whether its penalties leave biases and scales alone: it matches other parameters too."""
    return any(
        _first(rules, names.get(id(parameter), own)) is rule and not _is_exempt(group, own)
        for group in groups
        for own, parameter in group.parameters.items()
    )


def _is_exempt(group: ParameterGroup, name: str) -> bool:
    return group.options.get("weight_decay") == 0 or goes_free(name, group.parameters[name])


def _adds(name: str, value: Any) -> bool:
    return name in _PENALTIES and bool(value)


def _nearest(pattern: str, names: Iterable[str]) -> list[str]:
    known = [name.removeprefix(_LEAD) for name in names]
    plain = pattern.replace("*", "").replace("?", "").strip(".")
    return difflib.get_close_matches(plain, known, n=5, cutoff=0.0)
