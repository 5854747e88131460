"""Draws figures over a number as SVG: one panel for each, points and the line through the first and the last."""

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 260, 60, 40, 30
STYLE = "font: 12px sans-serif"


def _panel(points, title, across, offset):
    most_x, most_y = max(x for x, _ in points), max(max(y for _, y in points), 1e-9)
    wide, high = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return offset + LEFT + x / most_x * wide, TOP + high - max(y, 0) / most_y * high

    lines = [f'<text x="{offset + LEFT}" y="18" style="{STYLE}">{title}</text>',
             f'<path d="M{offset + LEFT} {TOP} v{high} h{wide}" fill="none" stroke="#888"/>']
    for share in (0.5, 1):
        x, y = place(most_x * share, most_y * share)
        lines.append(f'<text x="{x}" y="{TOP + high + 16}" text-anchor="middle" style="{STYLE}">{most_x * share:,.0f}</text>')
        lines.append(f'<text x="{offset + LEFT - 6}" y="{y + 4}" text-anchor="end" style="{STYLE}">{most_y * share:.3g}</text>')
    lines.append(f'<text x="{offset + LEFT + wide / 2}" y="{HEIGHT - 6}" text-anchor="middle" style="{STYLE}">{across}</text>')
    (x1, y1), (x2, y2) = place(*points[0]), place(*points[-1])
    lines.append(f'<path d="M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}" stroke="#bbb" stroke-dasharray="4 3"/>')
    lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#0a6"/>' for x, y in (place(*point) for point in points)]
    return lines


def draw(panels, across):
    """`panels`: [(title, [(x, y)])], side by side; `across`: what x counts."""
    wide = WIDTH * len(panels)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{HEIGHT}" viewBox="0 0 {wide} {HEIGHT}">',
             f'<rect width="{wide}" height="{HEIGHT}" fill="white"/>']
    for number, (title, points) in enumerate(panels):
        lines += _panel(points, title, across, number * WIDTH)
    return "\n".join(lines + ["</svg>", ""])
