import Testing

@testable import Metrics

struct MetricsTextTests {
  private func page(_ body: (inout MetricsText) -> Void) -> String {
    var text = MetricsText()
    body(&text)
    return String(decoding: text.bytes, as: UTF8.self)
  }

  @Test func familiesStayTogetherInTheOrderOfTheirFirstSample() {
    let page = page { text in
      text.add(.counter, "b_total", "B.", labels: [("x", "1")], 1)
      text.add(.gauge, "a", "A.", 2.5)
      text.add(.counter, "b_total", "B.", labels: [("x", "2"), ("y", "3")], 3)
    }
    #expect(
      page == """
        # HELP b_total B.
        # TYPE b_total counter
        b_total{x="1"} 1
        b_total{x="2",y="3"} 3
        # HELP a A.
        # TYPE a gauge
        a 2.5

        """)
  }

  @Test(arguments: [
    ("plain", "plain"), ("a\"b", "a\\\"b"), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("ä€😀", "ä€😀"), ("", ""),
    ("} 1\nforged 2", "} 1\\nforged 2"),
  ])
  func labelsAreEscaped(value: String, shown: String) {
    #expect(page { $0.add(.gauge, "m", "M.", labels: [("l", value)], 0) }.hasSuffix("m{l=\"\(shown)\"} 0\n"))
  }

  @Test func longLabelsAreCutAtWholeCharacters() {
    let page = page { $0.add(.gauge, "m", "M.", labels: [("l", String(repeating: "€", count: 1_000))], 0) }
    #expect(page.hasSuffix("m{l=\"\(String(repeating: "€", count: MetricsText.maximumLabelBytes / 3))\"} 0\n"))
  }

  @Test(arguments: [
    (0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (1e15, "1000000000000000"), (.nan, "NaN"), (.infinity, "+Inf"),
    (-.infinity, "-Inf"),
  ])
  func numbersAreWrittenAsTheFormatWants(value: Double, shown: String) {
    #expect(page { $0.add(.gauge, "m", "M.", value) }.hasSuffix("\nm \(shown)\n"))
  }

  @Test func theProcessTellsOfItself() {
    let page = page { $0.addProcess(startedAt: 5) }
    for name in [
      "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
      "process_start_time_seconds 5",
    ] {
      #expect(page.contains("\n" + name))
    }
  }
}
