import FoundationEssentials
import HTTPServing
import Model
import Testing

@testable import DockerAPI

@Suite struct CreateRequestTests {
  private func settings(
    _ text: String, version: APIVersion = .current
  ) throws -> (settings: ContainerSettings, warnings: [String]) {
    let fields = try JSONFields(JSONParser.parse(Array(text.utf8)))
    return try CreateRequest.settings(fields, version: version, platform: nil)
  }

  @Test func readsWhatTheCommandLineSends() throws {
    let (settings, warnings) = try CreateRequest.settings(
      try Golden.fields("create-full.request.json"), version: .current, platform: nil)
    #expect(warnings.isEmpty)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try Golden.expect(Array(try encoder.encode(settings)), is: "create-full.settings.json")
  }

  @Test func readsAPlainRequest() throws {
    let (settings, warnings) = try CreateRequest.settings(
      try Golden.fields("create-plain.request.json"), version: .current, platform: nil)
    #expect(warnings.isEmpty)
    var expected = ContainerSettings(image: "busybox")
    expected.command = ["echo", "hi"]
    expected.attachStdout = true
    expected.attachStderr = true
    expected.host.autoRemove = true
    expected.host.resources.oomKillDisable = false
    expected.networks = [NetworkAttachment(network: "bridge")]
    #expect(settings == expected)
  }

  @Test func boundsTheNumberOfPortsHoweverTheyAreWritten() throws {
    let ranges = (1...400).map { "\"\($0)-65535\":{}" }.joined(separator: ",")
    let error = #expect(throws: PlatformError.self) { try settings(#"{"Image":"i","ExposedPorts":{\#(ranges)}}"#) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("more than 196605 ports") == true)
    let all = try settings(#"{"Image":"i","ExposedPorts":{"1-65535/tcp":{},"80/tcp":{}}}"#).settings
    #expect(all.exposedPorts.count == 65_535)
  }

  private static let refused: [(String, PlatformError.Code, String)] = [
    ("{}", .invalidArgument, "Image: must name an image"),
    (#"{"Image":5}"#, .invalidArgument, "Image: expected a string, found a number"),
    (#"{"Image":"i","image":"j"}"#, .invalidArgument, "given twice in different spelling"),
    (#"{"Image":"i","Cmd":{"a":1}}"#, .invalidArgument, "Cmd: expected a list of strings, found an object"),
    (#"{"Image":"i","Cmd":["a",1]}"#, .invalidArgument, "Cmd[1]: expected a string, found a number"),
    (#"{"Image":"i","Cmd":["a\u0000"]}"#, .invalidArgument, "Cmd[0]: must not hold a NUL"),
    (#"{"Image":"i","Env":["=x"]}"#, .invalidArgument, "Env[0]: invalid environment variable"),
    (#"{"Image":"i","Tty":"yes"}"#, .invalidArgument, "Tty: expected a boolean, found a string"),
    (#"{"Image":"i","HostConfig":[]}"#, .invalidArgument, "HostConfig: expected an object, found a list"),
    (#"{"Image":"i","HostConfig":{"Memory":"1g"}}"#, .invalidArgument, "HostConfig.Memory: expected an integer"),
    (#"{"Image":"i","HostConfig":{"Memory":1.5}}"#, .invalidArgument, "HostConfig.Memory: expected an integer"),
    (#"{"Image":"i","HostConfig":{"BlkioWeight":5}}"#, .invalidArgument, "HostConfig.BlkioWeight: range"),
    (#"{"Image":"i","HostConfig":{"MemorySwappiness":2000}}"#, .invalidArgument, "2000 is not within -1 to 100"),
    (#"{"Image":"i","HostConfig":{"Binds":["/a"]}}"#, .invalidArgument, ""),
    (#"{"Image":"i","HostConfig":{"Binds":["/a:b"]}}"#, .invalidArgument, "mount path must be absolute"),
    (#"{"Image":"i","HostConfig":{"Binds":["/a:/"]}}"#, .invalidArgument, "destination can't be '/'"),
    (#"{"Image":"i","HostConfig":{"Binds":["/a:/b:huh"]}}"#, .invalidArgument, "invalid mode: huh"),
    (#"{"Image":"i","HostConfig":{"Binds":["v:/b:rshared"]}}"#, .invalidArgument, "invalid mode: rshared"),
    (#"{"Image":"i","HostConfig":{"Mounts":[{"Type":"x","Target":"/t"}]}}"#, .invalidArgument, "mount type unknown"),
    (#"{"Image":"i","HostConfig":{"Mounts":[{"Type":"bind","Target":"/t"}]}}"#, .invalidArgument, "Mounts[0].Source"),
    (#"{"Image":"i","HostConfig":{"Mounts":[{"Type":"image","Target":"/t"}]}}"#, .notImplemented, "type 'image'"),
    (
      #"{"Image":"i","HostConfig":{"Mounts":[{"Type":"tmpfs","Target":"/t","BindOptions":{}}]}}"#, .invalidArgument,
      "BindOptions must not be specified on mount type \"tmpfs\""
    ),
    (#"{"Image":"i","HostConfig":{"PortBindings":{"x/tcp":[]}}}"#, .invalidArgument, "invalid port"),
    (#"{"Image":"i","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"99999"}]}}}"#, .invalidArgument, "HostPort"),
    (#"{"Image":"i","HostConfig":{"RestartPolicy":{"Name":"often"}}}"#, .invalidArgument, "unknown policy 'often'"),
    (
      #"{"Image":"i","HostConfig":{"RestartPolicy":{"Name":"always","MaximumRetryCount":3}}}"#, .invalidArgument,
      "can only be used with 'on-failure'"
    ),
    (
      #"{"Image":"i","HostConfig":{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}}"#, .invalidArgument,
      "can't create 'AutoRemove' container with restart policy"
    ),
    (#"{"Image":"i","HostConfig":{"PidMode":"huh"}}"#, .invalidArgument, "HostConfig.PidMode: invalid mode: huh"),
    (#"{"Image":"i","HostConfig":{"UTSMode":"container:x"}}"#, .invalidArgument, "HostConfig.UTSMode"),
    (#"{"Image":"i","HostConfig":{"PidMode":"container:"}}"#, .invalidArgument, "HostConfig.PidMode"),
    (#"{"Image":"i","HostConfig":{"Ulimits":[{"Name":"nofile","Soft":5,"Hard":4}]}}"#, .invalidArgument, "5 > 4"),
    (#"{"Image":"i","HostConfig":{"ConsoleSize":[1]}}"#, .invalidArgument, "ConsoleSize: expected two integers"),
    (#"{"Image":"i","HostConfig":{"DeviceRequests":[{"Count":-1}]}}"#, .notImplemented, "HostConfig.DeviceRequests"),
    (#"{"Image":"i","HostConfig":{"Isolation":"hyperv"}}"#, .invalidArgument, "HostConfig.Isolation"),
    (#"{"Image":"i","HostConfig":{"Bogus":1}}"#, .notImplemented, "the option HostConfig.Bogus is not supported"),
    (#"{"Image":"i","Bogus":{"a":1},"Wrong":"x"}"#, .notImplemented, "the options Bogus, Wrong"),
    (#"{"Image":"i","Healthcheck":{"Interval":5}}"#, .invalidArgument, "Healthcheck.Interval: cannot be less than 1ms"),
    (#"{"Image":"i","Healthcheck":{"Test":["RUN"]}}"#, .invalidArgument, "Healthcheck.Test: the first element"),
    (#"{"Image":"i","ExposedPorts":{"x":{}}}"#, .invalidArgument, "ExposedPorts: invalid port 'x'"),
    (#"{"Image":"i","Volumes":{"rel":{}}}"#, .invalidArgument, "Volumes: mount path 'rel' must be absolute"),
    (
      #"{"Image":"i","NetworkingConfig":{"EndpointsConfig":{"n":{"IPAMConfig":{"LinkLocalIPs":["fe80::1"]}}}}}"#,
      .notImplemented, "NetworkingConfig.EndpointsConfig.n.IPAMConfig.LinkLocalIPs"
    ),
  ]

  @Test(arguments: refused.indices)
  func refuses(_ index: Int) throws {
    let (text, code, part) = Self.refused[index]
    if text.contains(#"["/a"]"#) {
      // One path alone is a fresh anonymous volume.
      #expect(try settings(text).settings.host.mounts.first?.kind == .volume)
      return
    }
    let error = #expect(throws: PlatformError.self) { try settings(text) }
    #expect(error?.code == code, "\(text)")
    #expect(error?.message.contains(part) == true, "\(text): \(error?.message ?? "")")
  }

  @Test func followsTheVersionAskedFor() throws {
    let text = #"{"Image":"i","HostConfig":{"AutoRemove":true,"ConsoleSize":[5,6],"Annotations":{"a":"b"}}}"#
    #expect(try settings(text, version: .v1(24)).settings.host.autoRemove == false)
    #expect(try settings(text, version: .v1(41)).settings.host.consoleHeight == 0)
    #expect(try settings(text, version: .v1(42)).settings.host.consoleHeight == 5)
    #expect(try settings(text, version: .v1(42)).settings.host.annotations.isEmpty)
    #expect(try settings(text, version: .v1(43)).settings.host.annotations == ["a": "b"])
    let two = #"{"Image":"i","NetworkingConfig":{"EndpointsConfig":{"a":{},"b":null}}}"#
    #expect(throws: PlatformError.self) { try settings(two, version: .v1(43)) }
    #expect(try settings(two, version: .v1(44)).settings.networks.map(\.network) == ["a", "b"])
  }

  @Test func movesTheContainerWideHardwareAddress() throws {
    let text = #"{"Image":"i","MacAddress":"02:00:00:00:00:01","HostConfig":{"NetworkMode":"n"}}"#
    let old = try settings(text, version: .v1(43))
    #expect(old.settings.networks.first?.macAddress == "02:00:00:00:00:01")
    #expect(old.warnings.isEmpty)
    let new = try settings(text)
    #expect(new.settings.networks.map(\.network) == ["n"])
    #expect(new.warnings.count == 1)
  }

  @Test(arguments: [
    ("host", NetworkMode.host), ("none", .none), ("container:x", .container("x")), ("", .standard),
    ("default", .standard),
    ("bridge", .standard), ("mine", .network("mine")),
  ])
  func readsNetworkModes(_ text: String, _ mode: NetworkMode) throws {
    let settings = try settings(#"{"Image":"i","HostConfig":{"NetworkMode":"\#(text)"}}"#).settings
    #expect(settings.host.networkMode == mode)
    #expect(settings.networks.map(\.network) == (mode == .network("mine") ? ["mine"] : []))
  }

  @Test func changesOnlyWhatAnUpdateNames() throws {
    let fields = try JSONFields(
      JSONParser.parse(Array(#"{"Memory":5,"CpuShares":0,"PidsLimit":-1,"RestartPolicy":{"Name":""}}"#.utf8)))
    let (apply, restart) = try ResourceRequest.update(fields, version: .current)
    var resources = ResourceSettings()
    resources.cpuShares = 7
    resources.pidsLimit = 9
    apply(&resources)
    #expect(resources.memoryBytes == 5)
    #expect(resources.cpuShares == 7)
    #expect(resources.pidsLimit == -1)
    #expect(restart == nil)
    let devices = try JSONFields(JSONParser.parse(Array(#"{"Devices":[{"PathOnHost":"/dev/null"}]}"#.utf8)))
    #expect(throws: PlatformError.self) { try ResourceRequest.update(devices, version: .current) }
  }
}
