import NIOHPACK
import Testing

@testable import CRIProtocol

@Suite(.timeLimit(.minutes(1))) struct HostileTests {
  private static let head: HPACKHeaders = [
    ":method": "POST", ":scheme": "http", ":path": "/runtime.v1.RuntimeService/Version", ":authority": "x",
    "content-type": "application/grpc", "te": "trailers",
  ]

  private static func head(_ changes: [String: String]) -> HPACKHeaders {
    // Names that begin with a colon have to stay in front.
    let known = Set(head.map(\.name))
    let pairs =
      head.map { ($0.name, changes[$0.name] ?? $0.value) } + changes.filter { !known.contains($0.key) }.map { ($0, $1) }
    return HPACKHeaders(pairs)
  }

  private func answer(_ head: HPACKHeaders, _ data: [[UInt8]], ends: Bool = true) async throws -> RawAnswer {
    var answer = RawAnswer()
    try await withServer { handlers in
      handlers.on(CRIRuntime.version) { _ in CRIVersionResponse() }
    } _: { _, path in
      answer = try await rawCall(path, head, data: data, ends: ends)
    }
    return answer
  }

  @Test(
    arguments: [
      ([[0, 0, 0, 0, 0]], .ok), ([[0, 0, 0], [0, 0]], .ok), ([], .internal), ([[0, 0, 0]], .internal),
      ([[0, 0, 0, 0, 9, 1]], .internal), ([[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], .internal),
      ([[1, 0, 0, 0, 0]], .unimplemented),
      ([[7]], .internal), ([[0, 255, 255, 255, 255]], .resourceExhausted),
      ([[0, 0, 0, 0, 2, 10, 200]], .invalidArgument),
      ([[0, 0, 0, 0, 3, 10, 1, 255]], .invalidArgument),
    ] as [([[UInt8]], GRPCStatus.Code)])
  func bodies(_ data: [[UInt8]], _ code: GRPCStatus.Code) async throws {
    let answer = try await answer(Self.head, data)
    #expect(answer == RawAnswer(status: "200", code: code))
  }

  @Test(
    arguments: [
      ([":method": "GET"], "405", nil), (["content-type": "application/json"], "415", nil),
      (["grpc-encoding": "gzip"], "200", .unimplemented), (["grpc-timeout": "soon"], "200", .invalidArgument),
      (["grpc-timeout": "0n"], "200", .deadlineExceeded),
      ([":path": "/runtime.v1.RuntimeService/Nothing"], "200", .unimplemented),
      ([":path": "*"], "200", .unimplemented),
    ] as [([String: String], String, GRPCStatus.Code?)])
  func headers(_ changes: [String: String], _ status: String, _ code: GRPCStatus.Code?) async throws {
    let answer = try await answer(Self.head(changes), [], ends: false)
    #expect(answer.status == status)
    #expect(answer.code == code)
  }

  @Test func connectionsOverTheBoundAreRefused() async throws {
    var limits = GRPCLimits()
    limits.maxConnections = 1
    try await withServer(limits: limits) { handlers in
      handlers.on(CRIRuntime.version) { _ in CRIVersionResponse() }
    } _: { _, path in
      let first = GRPCClient(unixSocketPath: path)
      _ = try await first.call(CRIRuntime.version, CRIVersionRequest(), timeoutSeconds: 5)
      let second = GRPCClient(unixSocketPath: path)
      let error = await #expect(throws: GRPCStatus.self) {
        try await second.call(CRIRuntime.version, CRIVersionRequest(), timeoutSeconds: 5)
      }
      #expect(error?.code == .unavailable)
      await first.close()
      await second.close()
    }
  }
}
