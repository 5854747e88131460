import Compose
import Model
import Testing

@testable import bulkhead

@Suite struct ComposeExecutionTests {
  @Test(
    "what a container's state means for who waits",
    arguments: [
      (#"{"Status":"running"}"#, ComposeDependency.Condition.started, ContainerWatch.Verdict.reached("Started")),
      (#"{"Status":"created"}"#, .started, .notYet),
      (#"{"Status":"exited","ExitCode":3}"#, .started, .reached("Exited")),
      (#"{"Status":"running"}"#, .healthy, .reached("Started")),
      (#"{"Status":"running","Health":{"Status":"none"}}"#, .healthy, .reached("Started")),
      (#"{"Status":"running","Health":{"Status":"starting"}}"#, .healthy, .notYet),
      (#"{"Status":"running","Health":{"Status":"healthy"}}"#, .healthy, .reached("Healthy")),
      (#"{"Status":"running","Health":{"Status":"unhealthy"}}"#, .healthy, .failed("is unhealthy")),
      (
        #"{"Status":"running","Health":{"Status":"unhealthy","Log":[{"ExitCode":0,"Output":"fine"},{"ExitCode":7,"Output":"no\n \u001b[31mfile\n"}]}}"#,
        .healthy, .failed("is unhealthy: its last check ended with 7: no ?[31mfile")
      ),
      (
        #"{"Status":"running","Health":{"Status":"unhealthy","Log":[{"ExitCode":-1,"Output":"exceeded timeout"}]}}"#,
        .healthy, .failed("is unhealthy: its last check failed: exceeded timeout")
      ),
      (#"{"Status":"restarting","Health":{"Status":"starting"}}"#, .healthy, .notYet),
      (#"{"Status":"exited","ExitCode":0,"Health":{"Status":"healthy"}}"#, .healthy, .failed("exited (0)")),
      (#"{"Status":"running"}"#, .completed, .notYet),
      (#"{"Status":"exited","ExitCode":0}"#, .completed, .reached("Exited")),
      (#"{"Status":"exited","ExitCode":9}"#, .completed, .failed("exited (9)")),
      (#"{"Status":"dead","ExitCode":137}"#, .completed, .failed("exited (137)")),
    ])
  func verdict(_ state: String, _ condition: ComposeDependency.Condition, _ expected: ContainerWatch.Verdict) throws {
    #expect(ContainerWatch.verdict(try JSONParser.parse(Array(state.utf8)), condition) == expected)
  }

  @Test(
    "health and exit code out of the words of a list",
    arguments: [
      ("Up 2 minutes (healthy)", ObservedContainer.Health.healthy, nil as Int?), ("Up 1 second", .none, nil),
      ("Up 3 hours (unhealthy)", .unhealthy, nil), ("Up Less than a second (health: starting)", .starting, nil),
      ("Exited (137) 5 seconds ago", .none, 137), ("Exited (x) ago", .none, nil), ("Created", .none, nil),
    ])
  func status(_ text: String, _ health: ObservedContainer.Health, _ code: Int?) {
    #expect(ObservedContainer.health(inStatus: text) == health)
    #expect(ObservedContainer.exitCode(inStatus: text) == code)
  }

  @Test func `a container of a list is known by its labels`() throws {
    let text = #"""
      {"Id":"abc","Names":["/shop-web-2"],"ImageID":"sha256:1","State":"exited","Status":"Exited (1) 2 days ago","Labels":{
      "com.docker.compose.service":"web","com.docker.compose.container-number":"2","com.docker.compose.oneoff":"True",
      "com.docker.compose.config-hash":"ff"}}
      """#
    let container = ObservedContainer(listed: try JSONParser.parse(Array(text.utf8)))
    #expect(container.name == "shop-web-2" && container.service == "web" && container.number == 2)
    #expect(container.configHash == "ff" && container.state == .exited && container.exitCode == 1)
    #expect(container.isOneOff && container.imageID == "sha256:1")
  }

  // MARK: Bodies

  private static func body(_ change: (inout ComposeService, inout ComposeProject) -> Void) throws -> JSONValue {
    var project = ComposeProject(name: "shop", directory: "/srv/shop")
    project.networks = [ComposeNetwork(key: "front", name: "shop_front"), ComposeNetwork(key: "back", name: "other")]
    project.volumes = [ComposeVolume(key: "data", name: "shop_data")]
    var service = ComposeService(name: "web")
    service.endpoints = [ComposeEndpoint(network: "front")]
    change(&service, &project)
    let body = ServiceBody(
      project: project, service: service, number: 1, name: "shop-web-1", image: "web:1", labels: ["own": "1"],
      containersOf: { name throws(ClientError) in name == "db" ? ["id-of-db"] : [] })
    return try body.json()
  }

  @Test func `limits of ports are labels, and only where the ports are published`() throws {
    var port = ComposePort(target: 80, published: nil)
    port.limits.connections = 5
    port.limits.ratePerSource = "50/second"
    let body = try Self.body { service, _ in
      service.ports = [port]
      service.labels = ["mine": "1"]
    }
    #expect(
      body["Labels"]
        == [
          "bulkhead.publish.80/tcp.connections": "5", "bulkhead.publish.80/tcp.rate-per-source": "50/second",
          "mine": "1", "own": "1",
        ])
  }

  @Test func `names on networks are the service's, the container's and the file's`() throws {
    let body = try Self.body { service, _ in
      var back = ComposeEndpoint(network: "back")
      back.aliases = ["shop"]
      back.ipv4Address = "172.30.0.9"
      service.endpoints.append(back)
      service.links = [ComposeLink(service: "db", alias: "database")]
    }
    #expect(body["HostConfig"]["NetworkMode"] == "shop_front")
    let endpoints = body["NetworkingConfig"]["EndpointsConfig"]
    #expect(endpoints["shop_front"]["Aliases"] == ["web", "shop-web-1"])
    #expect(endpoints["other"]["Aliases"] == ["web", "shop-web-1", "shop"])
    #expect(endpoints["other"]["IPAMConfig"]["IPv4Address"] == "172.30.0.9")
    #expect(endpoints["other"]["Links"] == ["id-of-db:database"])
  }

  @Test func `another service's network is joined by its container, which has to be there`() throws {
    let body = try Self.body { service, _ in service.networkMode = .service("db") }
    #expect(body["HostConfig"]["NetworkMode"] == "container:id-of-db")
    #expect(body["NetworkingConfig"].isNull)
    #expect(throws: ClientError("service 'web' shares what service 'gone' has, and that has no container")) {
      try Self.body { service, _ in service.networkMode = .service("gone") }
    }
  }

  @Test func `files, ports and limits arrive in the engine's own form`() throws {
    let body = try Self.body { service, project in
      var data = ComposeMount(.volume, source: "data", target: "/data")
      data.subpath = "a/b"
      var folder = ComposeMount(.bind, source: "/srv/shop/src", target: "/src")
      folder.createHostPath = true
      folder.readOnly = true
      service.mounts = [data, folder]
      project.secrets = [ComposeFile(key: "word", name: "word", origin: .file("/srv/shop/word.txt"))]
      service.secrets = [ComposeFileUse(source: "word", target: "/run/secrets/word")]
      service.ports = [
        ComposePort(target: 80, published: 8080...8080, hostAddress: "127.0.0.1"),
        ComposePort(target: 53, published: nil, transport: .udp),
        ComposePort(target: 443, published: 9000...9010),
      ]
      service.environment = ["B": "2", "A": nil, "C": ""]
      service.resources.memoryBytes = 64 << 20
      service.stopGracePeriodNanoseconds = 1_500_000_000
    }
    #expect(body["Env"] == ["B=2", "C="])
    #expect(body["StopTimeout"] == 2)
    let host = body["HostConfig"]
    #expect(host["Memory"] == .int(64 << 20))
    #expect(host["PortBindings"]["80/tcp"] == [["HostIp": "127.0.0.1", "HostPort": "8080"]])
    #expect(host["PortBindings"]["53/udp"] == [["HostIp": "", "HostPort": ""]])
    #expect(host["PortBindings"]["443/tcp"] == [["HostIp": "", "HostPort": "9000-9010"]])
    #expect(
      host["Mounts"] == [
        ["Type": "volume", "Target": "/data", "Source": "shop_data", "VolumeOptions": ["Subpath": "a/b"]],
        [
          "Type": "bind", "Target": "/src", "ReadOnly": true, "Source": "/srv/shop/src",
          "BindOptions": ["CreateMountpoint": true],
        ],
        ["Type": "bind", "Source": "/srv/shop/word.txt", "Target": "/run/secrets/word", "ReadOnly": true],
      ])
  }

  @Test func `a secret with an owner is a file of the archive, with its sums right`() throws {
    var use = ComposeFileUse(source: "word", target: "/run/secrets/word")
    use.uid = "103"
    use.mode = 0o440
    var archive = SmallArchive()
    try archive.add(use, Array("open sesame".utf8))
    let bytes = archive.bytes()
    #expect(bytes.count == 4 * 512)
    #expect(String(decoding: bytes[..<16], as: UTF8.self) == "run/secrets/word")
    #expect(String(decoding: bytes[100..<107], as: UTF8.self) == "0000440")
    #expect(String(decoding: bytes[108..<115], as: UTF8.self) == "0000147")
    let counted = bytes[..<512].enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
    #expect(Int(String(decoding: bytes[148..<154], as: UTF8.self), radix: 8) == counted)
    #expect(String(decoding: bytes[512..<523], as: UTF8.self) == "open sesame")
    use.gid = "staff"
    #expect(throws: ClientError("the gid 'staff' of 'word' is no number from 0 to 65535")) {
      try archive.add(use, [])
    }
  }

  // MARK: Threads

  @Test func `all values are tried, and the first failure by position is told`() {
    let tried = Monitor(0)
    #expect(throws: ClientError("2")) {
      try Threads.forEach(Array(0..<50), limit: 8) { value throws(ClientError) in
        tried.with { $0 += 1 }
        if value == 2 || value == 40 { throw ClientError("\(value)") }
      }
    }
    #expect(tried.with { $0 } == 50)
  }

  @Test func `who waits on a monitor is woken by a change, and by the end of the time`() throws {
    let value = Monitor(0)
    let thread = try Threads.start { value.with { $0 = 7 } }
    #expect(value.wait { $0 == 7 ? $0 : nil } == 7)
    Threads.join(thread)
    #expect(value.wait(until: Deadline(nanosecondsFromNow: 1_000_000)) { $0 == 8 ? $0 : nil } == nil)
  }
}
