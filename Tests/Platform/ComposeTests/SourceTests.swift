import Testing

@testable import Compose

/// Where in the files stands what the engine found fault with.
@Suite struct SourceTests {
  private static let text = """
    x-common: &common
      cap_add: [NET_ADMIN, sys_time]
    services:
      web.1:
        <<: *common
        image: busybox
        ports: ["80:80", {target: 53, protocol: udp}]
        volumes: ["./a:/a", "data:/b"]
        sysctls: {net.core.somaxconn: "1", kernel.msgmax: "2"}
        tmpfs: ["/run", "/tmp:size=1m"]
        deploy: {resources: {limits: {memory: 1m}}}
      db: {extends: {file: other.yaml, service: base}, image: busybox}
    networks: {front: {driver: bridge}}
    volumes: {data: {}}
    """
  private static let other = "services:\n  base:\n    image: debian\n    privileged: true\n"

  @Test(
    arguments: [
      ("web.1", ["cap_add"], "SYS_TIME", "compose.yaml:2:24: services.web.1.cap_add[1]"),
      ("web.1", ["cap_add"], "CAP_NET_ADMIN", "compose.yaml:2:13: services.web.1.cap_add[0]"),
      ("web.1", ["cap_add"], "SYS_MODULE", "compose.yaml:2:3: services.web.1.cap_add"),
      ("web.1", ["ports"], "53/udp", "compose.yaml:7:22: services.web.1.ports[1]"),
      ("web.1", ["ports"], "80/tcp", "compose.yaml:7:13: services.web.1.ports[0]"),
      ("web.1", ["configs", "volumes"], "/b", "compose.yaml:8:25: services.web.1.volumes[1]"),
      ("web.1", ["volumes"], "/project/a", "compose.yaml:8:15: services.web.1.volumes[0]"),
      ("web.1", ["sysctls"], "kernel.msgmax", "compose.yaml:9:40: services.web.1.sysctls.kernel.msgmax"),
      ("web.1", ["tmpfs"], "/tmp", "compose.yaml:10:21: services.web.1.tmpfs[1]"),
      (
        "web.1", ["mem_limit", "deploy.resources.limits.memory"], nil,
        "compose.yaml:11:35: services.web.1.deploy.resources.limits.memory"
      ),
      ("web.1", ["privileged"], nil, "compose.yaml:4:3: services.web.1"),
      ("db", ["privileged"], nil, "other.yaml:4:5: services.db.privileged"),
      ("gone", ["privileged"], nil, nil),
    ] as [(String, [String], String?, String?)])
  func places(_ service: String, _ keys: [String], _ element: String?, _ expected: String?) throws {
    let files = MemoryFiles(files: ["/project/compose.yaml": Self.text, "/project/other.yaml": Self.other])
    var request = ComposeRequest(files: ["compose.yaml"])
    request.currentDirectory = "/project"
    let project = try ComposeLoader(reader: files).load(request).project
    let place = project.source?.place(of: ["services", service], keys: keys, element: element)
    #expect(place.map { "\($0.location): \($0.key)" } == expected)
  }

  @Test func `what is not in the files is told without a place`() {
    let fault = ComposeProject(name: "p", directory: "/").fault(of: ["services", "web"], keys: ["image"], "is refused")
    #expect(fault.description == "services.web: is refused")
  }
}
