import Testing

@testable import NodeAgent

@Suite struct RuntimeStreamTests {
  @Test func addressesOfTheRuntimeAreRead() throws {
    let stream = try #require(RuntimeStream("http+unix://%2Frun%2Fx%20y%2Fcri-streaming.sock/exec/abc"))
    #expect(stream.socket == "/run/x y/cri-streaming.sock" && stream.target == "/exec/abc")
    #expect(stream.target(for: .port(80, sandbox: "s")) == "/exec/abc?port=80")
  }

  @Test(arguments: [
    "", "http://127.0.0.1:1/exec/a", "http+unix://run%2Fx/exec/a", "http+unix://%2Frun", "http+unix://%2/exec/a",
  ])
  func othersAreNot(_ address: String) { #expect(RuntimeStream(address) == nil) }
}
