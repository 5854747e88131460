import Testing

@testable import bulkhead

@Suite struct ContainerOptionsTests {
  /// The body that `run` with these arguments asks the engine for.
  private func body(_ arguments: [String]) throws -> JSONValue {
    let command = try Create.parse(arguments)
    return try command.options.body(image: command.image, command: command.command, attach: true)
  }

  @Test func passesOnWhatFollowsTheImage() throws {
    let body = try body(["--rm", "-it", "busybox", "sh", "-c", "echo --name x", "--rm", "--", "-q"])
    #expect(body["Cmd"] == ["sh", "-c", "echo --name x", "--rm", "--", "-q"])
    #expect(body["Image"] == "busybox")
    #expect(body["Tty"] == true)
    #expect(body["OpenStdin"] == true)
    #expect(body["HostConfig"]["AutoRemove"] == true)
  }

  @Test func translatesOptions() throws {
    let body = try body([
      "-e", "A=b", "-e", "C=-d", "-u", "1:2", "-w", "/w", "-h", "host", "-l", "k=v", "-l", "alone", "--entrypoint",
      "/e", "-m", "64m",
      "--memory-swap", "-1", "--cpus", "1.5", "--pids-limit", "-1", "--ulimit", "nofile=1:2", "--restart",
      "on-failure:3",
      "-v", "/a:/b:ro", "-v", "/anonymous", "--tmpfs", "/t:size=1m", "--device", "/dev/fuse", "--cap-drop", "ALL",
      "--security-opt", "no-new-privileges", "--health-cmd", "true", "--health-interval", "5s", "--network", "net",
      "--network-alias", "x", "--ip", "10.0.0.9", "--log-opt", "max-size=1m", "--stop-timeout", "3", "busybox",
    ])
    let host = body["HostConfig"]
    #expect(body["Env"] == ["A=b", "C=-d"])
    #expect(body["Labels"] == ["k": "v", "alone": ""])
    #expect(body["Entrypoint"] == ["/e"])
    #expect(body["Volumes"] == ["/anonymous": [:]])
    #expect(body["StopTimeout"] == 3)
    #expect(body["Healthcheck"] == ["Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000])
    #expect(
      body["NetworkingConfig"]["EndpointsConfig"]["net"] == [
        "Aliases": ["x"], "IPAMConfig": ["IPv4Address": "10.0.0.9"],
      ])
    #expect(host["Memory"] == 67_108_864)
    #expect(host["MemorySwap"] == -1)
    #expect(host["NanoCpus"] == 1_500_000_000)
    #expect(host["PidsLimit"] == -1)
    #expect(host["Ulimits"] == [["Name": "nofile", "Soft": 1, "Hard": 2]])
    #expect(host["RestartPolicy"] == ["Name": "on-failure", "MaximumRetryCount": 3])
    #expect(host["Binds"] == ["/a:/b:ro"])
    #expect(host["Tmpfs"] == ["/t": "size=1m"])
    #expect(
      host["Devices"] == [["PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"]])
    #expect(host["LogConfig"] == ["Type": "", "Config": ["max-size": "1m"]])
    #expect(host["SecurityOpt"] == ["no-new-privileges"])
  }

  @Test(arguments: [
    ("80", "80/tcp", "", ""), ("8080:80", "80/tcp", "", "8080"), ("127.0.0.1::80/udp", "80/udp", "127.0.0.1", ""),
    ("[::1]:53:53/udp", "53/udp", "::1", "53"), ("8000-8010:80", "80/tcp", "", "8000-8010"),
    ("0:80", "80/tcp", "", ""), ("127.0.0.1:0:80", "80/tcp", "127.0.0.1", ""),
  ])
  func translatesPorts(text: String, port: String, address: String, hostPort: String) throws {
    let body = try body(["-p", text, "busybox"])
    #expect(body["ExposedPorts"] == .object([.init(name: port, value: [:])]))
    let binding: JSONValue = ["HostIp": .string(address), "HostPort": .string(hostPort)]
    #expect(body["HostConfig"]["PortBindings"][port] == [binding])
  }

  @Test func translatesRangesOfPorts() throws {
    let bindings = try body(["-p8000-8001:80-81", "busybox"])["HostConfig"]["PortBindings"]
    #expect(bindings["80/tcp"] == [["HostIp": "", "HostPort": "8000"]])
    #expect(bindings["81/tcp"] == [["HostIp": "", "HostPort": "8001"]])
  }

  @Test func translatesMounts() throws {
    let mount = try FileOptions.parseMount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777,readonly")
    #expect(
      mount == [
        "Type": "tmpfs", "Target": "/t", "TmpfsOptions": ["SizeBytes": 1_048_576, "Mode": 1_023], "ReadOnly": true,
      ])
  }

  @Test(arguments: [
    (["-p", "99999:1"], "invalid port '99999:1': write [address:][host port:]container port[/tcp|udp]"),
    (["-p", "1-2:1-3"], "invalid port '1-2:1-3': write [address:][host port:]container port[/tcp|udp]"),
    (["-p", "0"], "invalid port '0': write [address:][host port:]container port[/tcp|udp]"),
    (["-p", "1/icmp"], "invalid port '1/icmp': write [address:][host port:]container port[/tcp|udp]"),
    (["--mount", "type=bind,what=x,dst=/d"], "unknown field 'what' in --mount 'type=bind,what=x,dst=/d'"),
    (["--mount", "type=bind,src=/x"], "--mount 'type=bind,src=/x' has no destination"),
    (["--ulimit", "nofile"], "invalid --ulimit 'nofile': write nofile=1024:4096"),
    (["--cpus", "many"], "invalid --cpus 'many': write 1.5"),
    (["--restart", "on-failure:x"], "invalid --restart 'on-failure:x': write on-failure:3"),
  ])
  func refusesWrongValues(arguments: [String], message: String) {
    #expect(throws: ClientError.usage(message)) { try body(arguments + ["busybox"]) }
  }

  @Test func tellsAFileThatIsNotThere() {
    #expect(throws: ClientError("cannot open '/nonexistent': No such file or directory")) {
      try body(["--env-file", "/nonexistent", "busybox"])
    }
  }

  @Test func encodesFilters() throws {
    #expect(try Filters.encode(["a=1", "a=2", "label=x=y"]) == #"{"a":["1","2"],"label":["x=y"]}"#)
    #expect(try Filters.encode([]) == nil)
    #expect(throws: ClientError.usage("invalid filter 'x': write key=value")) { try Filters.encode(["x"]) }
  }
}
