import Model
import Testing

@testable import MetricsAPI

struct EngineMetricsClientTests {
  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na 1", 200, "a 1"),
    ("HTTP/1.1 503 Gone\r\ncontent-length:0\r\n\r\n", 503, ""),
  ])
  func answersAreRead(answer: String, status: Int, body: String) throws {
    let parsed = try EngineMetricsClient.parse(Array(answer.utf8))
    #expect(parsed.status == status)
    #expect(String(decoding: parsed.body, as: UTF8.self) == body)
  }

  @Test(arguments: [
    "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na 1", "HTTP/1.1 200 OK\r\n\r\na 1", "SSH-2.0\r\n\r\n",
    "HTTP/1.1 two OK\r\nContent-Length: 0\r\n\r\n",
  ])
  func whatIsNoWholePageIsRefused(answer: String) {
    #expect {
      try EngineMetricsClient.parse(Array(answer.utf8))
    } throws: {
      ($0 as? PlatformError)?.code == .internal
    }
  }

  @Test func anEngineThatIsAwayIsSaidToBeSo() {
    #expect {
      try EngineMetricsClient(path: "/run/no-such-folder/metrics.sock").page()
    } throws: {
      ($0 as? PlatformError)?.code == .unavailable
    }
  }
}
