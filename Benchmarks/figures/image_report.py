"""The rows of the image benchmark: titles, bounds, whom they are measured against; the table made of the samples."""

import dataclasses
import datetime
import statistics

from figures import report


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    unit: str
    peer: str | None = None
    # The ratio to the peer's figure that must be reached: at most, or at least where more is better.
    bound: float | None = None
    more_is_better: bool = False
    # The figure itself that must be reached, whatever the peer's is.
    limit: float | None = None


ROWS = [
    Row("build_cold", "build of 15 steps with 2,000 files: cold", "s", "buildkit", 0.6),
    Row("build_cached", "the same, cached", "s", "buildkit", 0.8),
    Row("build_changed", "the same, one file changed", "s", "buildkit", 0.6),
    Row("build_stages", "two independent stages of 5 s each", "s", "buildkit", limit=6),
    Row("load_debian", "`docker load` of the Debian image (225 MB, one layer)", "s", "docker", 0.6),
    Row("load_layers", "`docker load` of 12 layers of 20 MB", "s", "docker"),
    Row("push_debian", "push of the Debian image", "s", "docker", 0.3),
    Row("push_layers", "push of the 12 layers", "s", "docker", 0.5),
    Row("pull_debian", "pull of the Debian image, nothing local", "s", "docker", 0.6),
    Row("pull_layers", "pull of the 12 layers, nothing local", "s", "docker", 0.5),
    Row("skopeo_push_debian", "skopeo pushes the Debian image (compressed before)", "s", "docker-registry", 0.8),
    Row("skopeo_push_layers", "skopeo pushes the 12 layers", "s", "docker-registry", 0.8),
    Row("skopeo_pull_debian", "skopeo pulls the Debian image", "s", "docker-registry", 0.8),
    Row("skopeo_pull_layers", "skopeo pulls the 12 layers", "s", "docker-registry", 0.8),
    Row("manifest_rate", "GET manifest, 64 connections", "requests/s", "docker-registry", 5, True),
    Row("manifest_late", "99 of 100 of these within", "ms", "docker-registry"),
    Row("manifest_rate_one", "GET manifest, one connection", "requests/s", "docker-registry", None, True),
    Row("small_rate", "GET 4 KB blob, 64 connections", "requests/s", "docker-registry", 5, True),
    Row("small_late", "99 of 100 of these within", "ms", "docker-registry"),
    Row("small_rate_one", "GET 4 KB blob, one connection", "requests/s", "docker-registry", None, True),
    Row("large_read", "GET 20 MB blob, 8 connections", "MB/s", "docker-registry", None, True),
    Row("small_write", "PUT 4 KB blob, one connection (ours: durable)", "blobs/s", "docker-registry", 3, True),
    Row("large_write", "PUT 20 MB blob, one connection (ours: durable)", "MB/s", "docker-registry", 2, True),
    Row("pss_server", "PSS of the server, idle", "MiB", "docker-registry", limit=40),
    Row("pss_pushes", "PSS during 8 pushes of 1 GB at once", "MiB", "docker-registry", limit=120),
    Row("pushes_seconds", "these pushes", "s", "docker-registry"),
]


def summarise(samples):
    return {row: {name: statistics.median(values) for name, values in columns.items() if values}
            for row, columns in samples.items()}


def figure(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def verdict(row, own, ratio):
    """What must be reached, and whether it is."""
    if row.limit is not None:
        sign = f"{'≥' if row.more_is_better else '≤'} {row.limit:g} {row.unit}"
        met = None if own is None else own >= row.limit if row.more_is_better else own <= row.limit
    elif row.bound is not None:
        sign = f"≥ {row.bound:g} ×" if row.more_is_better else f"≤ {row.bound:g}"
        met = None if ratio is None else ratio >= row.bound if row.more_is_better else ratio <= row.bound
    else:
        return ""
    return sign if met is None else f"{sign} {'met' if met else 'NOT met'}"


def markdown(medians, names, versions, notes, load, rows=None):
    """A column for each product; the ratio is ours divided by the figure of the row's peer."""
    names = [name for name in names if any(name in values for values in medians.values())]
    lines = [
        f"{datetime.date.today().isoformat()}, {report.machine()}; {', '.join(versions)};"
        f" medians of interleaved rounds; load average at the start {load:.1f}.",
        "",
        "| figure | unit | " + " | ".join(names) + " | ratio to | | must reach |",
        "|---|---|" + "---:|" * len(names) + "---|---:|---|",
    ]
    for row in rows or ROWS:
        values = medians.get(row.key, {})
        if not values:
            continue
        own, peer = values.get("bulkhead"), values.get(row.peer)
        ratio = own / peer if own is not None and peer else None
        cells = [figure(values.get(name)) for name in names]
        cells += [row.peer or "", "–" if ratio is None else f"{ratio:.2f}", verdict(row, own, ratio)]
        lines.append(f"| {row.title} | {row.unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines + [""] + [f"Not measured: {note}." for note in notes])
