import Glibc
import LinuxSystem
import Model
import OCITypes
import Registry
import Testing

@testable import RegistryAPI

/// Pushes that are under way while their project is removed.
@Suite struct RemovalTests {
  private static func send(_ bytes: [UInt8], to socket: Descriptor) throws {
    let count = bytes.withUnsafeBytes { Glibc.send(socket.raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
    try #require(count == bytes.count)
  }

  @Test func `a push that has begun does not come into the project of the same name that follows`() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let body = try ImageDocuments.encode(ImageIndex(manifests: []))
      let head = """
        PUT /v2/team/app/manifests/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n\
        Content-Type: \(MediaType.ociIndex.rawValue)\r\nContent-Length: \(body.count)\r\n\r\n
        """
      let path = fixture.path + "/s"
      let socket = try await fixture.onClientThread {
        let socket = try UnixSocket.connect(path)
        try Self.send(Array(head.utf8), to: socket)
        // It has been looked at who pushes when the server asks for the body.
        var answer = [UInt8](repeating: 0, count: 256)
        let count = recv(socket.raw, &answer, answer.count, 0)
        try #require(count > 0 && String(decoding: answer[..<count], as: UTF8.self).hasPrefix("HTTP/1.1 100 "))
        return socket
      }
      #expect(try await fixture.send("DELETE", "/api/v1/projects/team").status == 204)
      try await fixture.project("team")
      let answer = try await fixture.onClientThread {
        try Self.send(body, to: socket)
        return try APIFixture.parse(try socket.readAll(maxBytes: 1 << 20), hasBody: true)
      }
      #expect((answer.status, answer.code) == (404, "NAME_UNKNOWN"))
      #expect(answer.text.contains("project 'team' was removed while something was pushed to it"))
      #expect(try fixture.registry.repositories(in: "team", limit: 10).isEmpty)
    }
  }
}
