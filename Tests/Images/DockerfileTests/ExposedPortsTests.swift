import Model
import Testing

@testable import Dockerfile

@Suite struct ExposedPortsTests {
  private let place = SourcePosition(file: "D", line: 2, column: 8)

  @Test(arguments: [
    ("80", ["80/tcp"]), ("53/UDP", ["53/udp"]), ("7/sctp", ["7/sctp"]),
    ("8000-8002", ["8000/tcp", "8001/tcp", "8002/tcp"]),
    ("1.2.3.4:80:90", ["90/tcp"]), ("5/", ["5/tcp"]), ("65535", ["65535/tcp"]),
  ])
  func portsAreRead(text: String, expected: [String]) throws {
    #expect(try ExposedPorts.parse(Word(text, at: place)) == expected)
  }

  @Test(arguments: ["", "x", "0", "65536", "5-3", "80/icmp", "+5", "1-", "-1", "1-2-3"])
  func otherTextsAreRefused(text: String) {
    let error = #expect(throws: PlatformError.self) { try ExposedPorts.parse(Word(text, at: place)) }
    #expect(error?.code == .invalidArgument && error?.message.hasPrefix("D:2:8: invalid ") == true)
  }
}
