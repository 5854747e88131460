import Testing

@testable import bulkhead

@Suite struct ExposureRowTests {
  static let cases: [(JSONValue, String)] = [
    (["Opener": "published", "ContainerPort": 80, "Protocol": "tcp", "Name": "web"], "container web, port 80/tcp"),
    (
      ["Opener": "engine", "Engine": "two", "ContainerPort": 53, "Protocol": "udp"],
      "engine two, port 53/udp of a container"
    ),
    (["Opener": "process", "Program": "sshd", "Pid": 7], "sshd (pid 7)"),
    (["Opener": "unknown"], "an unknown process"),
    (
      [
        "Opener": "service", "ServicePlace": "node port", "Table": "inet bulkhead-services",
        "ClusterService": "default/web",
      ],
      "node port of service default/web"
    ),
    (
      ["Opener": "service", "ServicePlace": "load balancer", "Table": "inet bulkhead-services"],
      "load balancer of a service (table inet bulkhead-services)"
    ),
  ]

  @Test(arguments: cases)
  func `each port is told with who opened it`(port: JSONValue, words: String) {
    #expect(Exposure.opener(port) == words)
  }
}
