"""What a row is called, which bound it has, and the table made of the samples."""

import dataclasses
import datetime
import os
import platform
import statistics
import subprocess


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    unit: str
    # The ratio to docker's figure that must be reached: at most (times, memory) or at least (rates).
    bound: float | None = None
    more_is_better: bool = False


ROWS = [
    Row("life_default", "create+start+wait+delete over the API, default network", "ms", 1 / 8),
    Row("life_none", "the same, network none", "ms"),
    Row("life_host", "the same, network host", "ms"),
    Row("cli", "`docker run --rm` by the docker CLI", "ms", 1 / 5),
    Row("cli_port", "the same with a published port", "ms"),
    Row("exec", "exec `true` over the API", "ms", 1 / 3),
    Row("kill", "kill", "ms", 1 / 3),
    Row("restart", "restart -t 0", "ms", 1 / 3),
    Row("crowd_start", "{crowd} detached, eight at a time", "ms", 1 / 5),
    Row("crowd_remove", "removing them, eight at a time", "ms", 1 / 5),
    Row("pss_fresh", "PSS of the engine, fresh", "MiB"),
    Row("pss_crowd", "PSS with {crowd} containers, supervisors included", "MiB", 1 / 4),
    Row("pss_idle", "PSS idle after the benchmark", "MiB", 1 / 4),
    Row("list_rate", "GET /containers/json with {crowd} containers, one connection", "requests/s", 5, True),
    Row("inspect_rate", "GET /containers/ID/json, one connection", "requests/s", None, True),
]


def machine():
    """One line that says where the figures come from."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as information:
        for line in information:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="ascii") as information:
        memory = int(information.readline().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release()}"


def version(engine):
    answer = engine.client.call("GET", "/version")
    return f"{engine.name} {answer.get('Version', '?')}"


def summarise(samples):
    """Medians of the samples: {row: {engine: median}}; the row `compute` is best outside / best inside."""
    medians = {row: {name: statistics.median(values) for name, values in engines.items() if values}
               for row, engines in samples.items()}
    inside, outside = samples.get("compute_inside", {}), samples.get("compute_outside", {})
    medians["compute"] = {name: min(outside[name]) / min(inside[name]) for name in inside if inside[name]}
    return medians


def figure(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def verdict(row, ratio):
    if row.bound is None:
        return ""
    sign = "≥ " + f"{row.bound:g} ×" if row.more_is_better else f"≤ 1/{1 / row.bound:.0f}"
    if ratio is None:
        return sign
    met = ratio >= row.bound if row.more_is_better else ratio <= row.bound
    return f"{sign} {'met' if met else 'NOT met'}"


def markdown(medians, names, versions, crowd, load):
    """The table of all rows; ratios are bulkhead's figure divided by the peer's."""
    peers = [name for name in names if name != "bulkhead"]
    heads = [f"{name}" for name in names]
    heads += [f"bulkhead / {peer}" for peer in peers] if "bulkhead" in names else []
    lines = [
        f"{datetime.date.today().isoformat()}, {machine()}; {', '.join(versions)}; medians of interleaved rounds;"
        f" load average at the start {load:.1f}.",
        "",
        "| figure | unit | " + " | ".join(heads) + " | must reach |",
        "|---|---|" + "---:|" * len(heads) + "---|",
    ]
    for row in ROWS:
        values = medians.get(row.key, {})
        if not values:
            continue
        cells = [figure(values.get(name)) for name in names]
        own, ratio = values.get("bulkhead"), None
        if "bulkhead" in names:
            for peer in peers:
                known = own is not None and values.get(peer)
                cells.append(f"{own / values[peer]:.3f}" if known else "–")
                if peer == "docker" and known:
                    ratio = own / values[peer]
        title = row.title.format(crowd=crowd)
        lines.append(f"| {title} | {row.unit} | " + " | ".join(cells) + f" | {verdict(row, ratio)} |")
    if medians.get("compute"):
        values = medians["compute"]
        cells = [f"{values[name]:.3f}" if name in values else "–" for name in names]
        cells += ["–"] * (len(heads) - len(names))
        met = "" if "bulkhead" not in values else " met" if values["bulkhead"] >= 0.99 else " NOT met"
        lines.append("| CPU-bound work, speed inside / outside | ratio | " + " | ".join(cells) + f" | ≥ 0.99{met} |")
    return "\n".join(lines)


def revision():
    answer = subprocess.run(["git", "-C", os.path.dirname(__file__), "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True, check=False)
    return answer.stdout.strip()
