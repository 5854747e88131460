import FoundationEssentials
import Testing

@testable import Model

@Suite struct IdentityTests {
  private static let digits = String(repeating: "0123456789abcdef", count: 4)

  @Test func digestsComeBack() throws {
    let digest = try Digest(parsing: "sha256:" + Self.digits)
    #expect(digest.hex == Self.digits && digest.description == "sha256:" + Self.digits)
    #expect(digest.short == "0123456789ab")
    #expect(try JSONDecoder().decode(Digest.self, from: JSONEncoder().encode(digest)) == digest)
    #expect(Digest(bytes: (0..<32).map { $0 }).hex.hasPrefix("000102030405060708090a0b0c0d0e0f10"))
  }

  @Test(arguments: [
    "", "sha256:", "sha512:\(digits)", digits, "sha256:\(digits)0", "sha256:\(digits.uppercased())",
    "sha256:\(digits.dropLast())g", "sha256:\(digits.dropLast())é",
  ])
  func otherDigestsAreRefused(text: String) {
    let error = #expect(throws: PlatformError.self) { try Digest(parsing: text) }
    #expect(error?.code == .invalidArgument)
  }

  @Test func digestsOfOtherAlgorithmsAreTakenWhereSaid() throws {
    let text = "sha512:" + Self.digits + Self.digits
    let digest = try Digest(parsing: text, algorithms: DigestAlgorithm.allCases)
    #expect(digest.algorithm == .sha512 && digest.description == text)
    #expect(try JSONDecoder().decode(Digest.self, from: JSONEncoder().encode(digest)) == digest)
    #expect(Digest(bytes: (0..<64).map { $0 }).algorithm == .sha512)
    for wrong in [text, "sha512:" + Self.digits, "sha256:" + Self.digits + Self.digits] {
      #expect(throws: PlatformError.self) { try Digest(parsing: wrong) }
    }
    #expect(throws: PlatformError.self) { try Digest(parsing: "sha512:" + Self.digits, algorithms: [.sha512]) }
  }

  @Test func anIdDoesNotBeginAsANumber() {
    struct Numbers: RandomNumberGenerator {
      var count: UInt64 = 0
      mutating func next() -> UInt64 {
        count += 1
        return count <= 4 ? 0x4268_9012_3456_7890 : 0x1234_5678_90ab_cdef
      }
    }
    var numbers = Numbers()
    #expect(ContainerID.random(using: &numbers).short == "efcdab907856")
    #expect(numbers.count == 8)
  }

  @Test func idsAreRandomAndCheckedWhenRead() throws {
    #expect(ContainerID.random() != ContainerID.random())
    #expect(try ContainerID(ContainerID.random().hex).hex.utf8.count == 64)
    for text in ["\"\"", "\"../../etc\"", "\"\(Self.digits)0\"", "5"] {
      #expect(throws: (any Error).self) { try JSONDecoder().decode(ContainerID.self, from: Data(text.utf8)) }
    }
  }

  @Test(arguments: [
    (ContainerStatus.created, Int32(0), false), (.running, 1, true), (.paused, 1, true), (.restarting, 0, false),
    (.restarting, 1, true), (.exited, 0, false), (.dead, 0, false), (.removing, 0, false),
  ])
  func runsCountAsRunning(status: ContainerStatus, pid: Int32, isRunning: Bool) {
    var run = ContainerRunState()
    run.status = status
    run.pid = pid
    #expect(run.isRunning == isRunning)
  }

  @Test func errorsShowTheirInsideOnlyInTheLog() {
    let cause = PlatformError(.notFound, "inner")
    let error = PlatformError(.internal, "outer", context: ["b": "2", "a": "1"], cause: cause, file: "F", line: 7)
    #expect(error.message == "outer")
    #expect(error.description.hasPrefix("internal: outer a=1 b=2 cause=(notFound: inner"))
    #expect(error.description.hasSuffix(" at F:7"))
  }
}

@Suite struct IDRangeTests {
  @Test func idsTranslateBothWays() {
    let range = IDRange(first: 0x7001_0000)
    #expect(range.host(0) == 0x7001_0000 && range.host(65_535) == 0x7001_FFFF && range.host(65_536) == nil)
    #expect(range.inside(0x7001_0005) == 5 && range.inside(0x7000_FFFF) == nil && range.inside(0x7002_0000) == nil)
    #expect(!range.isHost)
  }

  @Test func theHostsRangeIsTheIdentity() {
    #expect(IDRange.host.isHost)
    #expect(IDRange.host.host(.max - 1) == .max - 1 && IDRange.host.inside(5) == 5)
  }

  @Test func thePoolEndsBelowTheLastIds() {
    #expect(UInt64(IDRange.pool.first) + UInt64(IDRange.pool.count) == 0xF000_0000)
  }
}
