import KubeMachinery
import Testing

struct GoTextTests {
  @Test(
    "spans are written as Go does",
    arguments: [
      (Int64(-5), "0s"), (0, "0s"), (7, "7ms"), (1_000, "1s"), (15_002, "15.002s"), (10_500, "10.5s"), (60_000, "1m0s"),
      (61_250, "1m1.25s"), (3_600_000, "1h0m0s"), (7_325_010, "2h2m5.01s"),
    ])
  func span(_ milliseconds: Int64, _ text: String) {
    #expect(GoText.duration(milliseconds: milliseconds) == text)
  }
}
