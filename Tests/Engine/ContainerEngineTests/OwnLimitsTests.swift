import Isolation
import Model
import Testing

@testable import ContainerEngine

@Suite struct OwnLimitsTests {
  /// More than any kernel lets a process have.
  private static let endless = ResourceLimit(name: "nofile", soft: 1 << 40, hard: 1 << 40)

  @Test func `what the engine may not give is refused by name`() throws {
    let host = HostProfile(boundingCapabilities: [])
    let none = ResourceLimit(name: "nofile", soft: 0, hard: 0)
    try OwnLimits.check([none, ResourceLimit(name: "unheard", soft: -1, hard: -1)], host: host)
    let error = try #require(
      #expect(throws: PlatformError.self) { try OwnLimits.check([none, Self.endless], host: host) })
    #expect(error.code == .unavailable && error.message.hasPrefix("the limit nofile cannot be 1099511627776"))
    #expect(error.subject == .setting(.resourceLimits, element: "nofile"))
  }

  @Test func `an engine with the right leaves it to the kernel`() throws {
    try OwnLimits.check([Self.endless], host: HostProfile())
  }
}
