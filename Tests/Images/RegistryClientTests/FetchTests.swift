import Model
import NIOHTTP1
import RegistryDouble
import Testing

@testable import RegistryClient

@Suite struct FetchTests {
  private static let content = Array("content".utf8)

  private func fetch(_ server: ScriptedServer, inner: [String], limit: Int64 = 100) async throws -> ([UInt8], String?) {
    var bytes: [UInt8] = []
    let time = try await Fixture.client().fetch(
      "http://\(server.address)/f", inner: inner, limitBytes: limit
    ) { bytes.append(contentsOf: $0) }
    return (bytes, time)
  }

  private func server(_ status: HTTPResponseStatus = .ok, _ headers: HTTPHeaders = [:]) throws -> ScriptedServer {
    try ScriptedServer { _, _ in .full(Int(status.code), headers, Self.content) }
  }

  @Test func `a file of a host that the policy names comes with its time`() async throws {
    let server = try server(.ok, ["Last-Modified": "Sat, 03 Feb 2001 04:05:06 GMT"])
    let (bytes, time) = try await fetch(server, inner: [server.address])
    #expect(bytes == Self.content)
    #expect(time == "Sat, 03 Feb 2001 04:05:06 GMT")
  }

  @Test func `ATT-029 a host of this network that is not named gets no request`() async throws {
    let server = try ScriptedServer { _, _ in
      Issue.record("it was asked")
      return .full(200, [:], Self.content)
    }
    await #expect { try await fetch(server, inner: ["other.test"]) } throws: {
      ($0 as? PlatformError)?.code == .forbidden
    }
  }

  @Test(arguments: ["http://169.254.169.254/x", "file:///etc/passwd", "http://localhost:1/x", "ftp://127.0.0.1/"])
  func `ATT-029 a redirect to metadata, other schemes or plain hosts that are not named is not followed`(
    location: String
  ) async throws {
    let server = try server(.found, ["Location": location])
    await #expect { try await fetch(server, inner: [server.address]) } throws: {
      ($0 as? PlatformError)?.code == .forbidden
    }
  }

  @Test func `ATT-029 link-local addresses are never asked`() async throws {
    await #expect {
      try await Fixture.client().fetch("http://169.254.169.254/x", inner: ["169.254.169.254"], limitBytes: 1) { _ in }
    } throws: { ($0 as? PlatformError)?.code == .forbidden }
  }

  @Test func `a file beyond the limit is refused`() async throws {
    let server = try server()
    await #expect { try await fetch(server, inner: [server.address], limit: 6) } throws: {
      ($0 as? PlatformError)?.message.contains("more than 6 bytes") == true
    }
  }

  @Test(arguments: [(HTTPResponseStatus.notFound, PlatformError.Code.notFound), (.forbidden, .invalidArgument)])
  func `another status is an error`(status: HTTPResponseStatus, code: PlatformError.Code) async throws {
    let server = try server(status)
    await #expect { try await fetch(server, inner: [server.address]) } throws: { ($0 as? PlatformError)?.code == code }
  }
}
