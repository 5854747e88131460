import Compose
import Testing

@testable import bulkhead

/// What the engine refuses of a request is told with the key of the compose file that it comes of.
@Suite struct RefusedPlacesTests {
  private static let text = """
    services:
      web:
        image: busybox
        cap_add: [SYS_MODULE]
        ports: [{target: 80, x-bulkhead: {connections: 5}}]
        networks: {front: {ipv4_address: 10.0.0.9}}
        ulimits: {nofile: 5}
    networks: {front: {name: real, driver: bridge}}
    """

  private static func project() throws -> ComposeProject {
    struct OneFile: ComposeReader {
      let text: String
      func read(_ path: String, beneath root: String?, maximumBytes: Int) throws(ComposeReadFailure) -> [UInt8] {
        guard path == "/p/compose.yaml" else { throw .notFound }
        return Array(text.utf8)
      }
    }
    var request = ComposeRequest(files: ["compose.yaml"])
    request.currentDirectory = "/p"
    return try ComposeLoader(reader: OneFile(text: text)).load(request).project
  }

  @Test(
    arguments: [
      ("HostConfig.CapAdd", "SYS_MODULE", 403, "compose.yaml:4:15: services.web.cap_add[0]: no"),
      ("HostConfig.Ulimits[0].Soft", nil, 400, "compose.yaml:7:5: services.web.ulimits: no"),
      ("NetworkingConfig.EndpointsConfig", "real", 400, "compose.yaml:6:16: services.web.networks.front: no"),
      ("Labels", "bulkhead.publish.80/tcp.connections", 400, "compose.yaml:5:13: services.web.ports[0]: no"),
      ("HostConfig.Unheard", nil, 501, "compose.yaml:2:3: services.web: no"),
      (nil, nil, 409, "compose.yaml:2:3: services.web: no"),
      ("HostConfig.Init", nil, 503, "compose.yaml:2:3: services.web: no"), (nil, nil, 500, "no"), (nil, nil, nil, "no"),
    ] as [(String?, String?, Int?, String)])
  func services(_ field: String?, _ element: String?, _ status: Int?, _ expected: String) throws {
    let project = try Self.project()
    let error = ClientError("no", exitCode: 125, status: status, field: field, element: element)
    let told = RefusedPlaces.told(error, of: try #require(project.service("web")), in: project)
    #expect(told.message == expected && told.exitCode == 125 && told.status == status)
  }

  @Test(arguments: [
    ("Driver", "compose.yaml:8:32: networks.front.driver: no"),
    ("IPAM.Config[0].Subnet", "compose.yaml:8:12: networks.front: no"),
  ])
  func networks(_ field: String, _ expected: String) throws {
    let error = ClientError("no", status: 400, field: field)
    #expect(RefusedPlaces.told(error, of: "networks", "front", in: try Self.project()).message == expected)
  }
}
