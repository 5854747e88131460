import NIOCore
import Testing

@testable import CRIProtocol

@Suite struct HeaderTests {
  @Test(arguments: [
    ("plain text", "plain text"), ("50 %\n", "50 %25%0A"), ("Größe", "Gr%C3%B6%C3%9Fe"), ("", ""), ("\u{1}~", "%01~"),
  ]) func messagesAreEscapedAndReadAgain(_ message: String, _ header: String) {
    #expect(GRPCStatus.encode(message: message) == header)
    #expect(GRPCStatus.decode(message: header) == message)
  }

  @Test(arguments: [("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"), ("%FF", "\u{fffd}")])
  func badEscapesDoNoHarm(_ header: String, _ message: String) {
    #expect(GRPCStatus.decode(message: header) == message)
  }

  @Test func aLongMessageIsCut() {
    #expect(GRPCStatus.encode(message: String(repeating: "ü", count: 10_000)).utf8.count == 3 * 4096)
  }

  @Test(
    arguments: [
      ("1n", 1), ("5u", 5000), ("20m", 20_000_000), ("3S", 3_000_000_000), ("2M", 120_000_000_000),
      ("1H", 3_600_000_000_000), ("0S", 0), ("99999999H", 8_640_000_000_000_000),
    ] as [(String, Int64)]) func timesAreRead(_ text: String, _ nanoseconds: Int64)
  {
    #expect(GRPCTimeout.parse(text)?.nanoseconds == nanoseconds)
  }

  @Test(arguments: ["", "S", "5", "5s", "-1S", "+1S", "123456789S", "1 S", "١S", "0x1S"])
  func whatIsNoTimeIsRefused(_ text: String) {
    #expect(GRPCTimeout.parse(text) == nil)
  }

  @Test(arguments: [
    (TimeAmount.milliseconds(1500), "1500m"), (.nanoseconds(1), "1m"), (.hours(100), "360000S"),
    (.nanoseconds(-5), "0m"),
  ]) func timesAreWritten(_ time: TimeAmount, _ text: String) {
    #expect(GRPCTimeout.format(time) == text)
  }
}
