import Testing

/// What wrong requests are answered: status and text, and that nothing changes.
@Suite("API errors", .enabled(if: Target.canServe))
struct APIErrorTests {
  static let notThere: [APICase] = [
    APICase("GET", "/containers/nosuch/json", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/start", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/stop", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/restart", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/kill", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/pause", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/unpause", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/rename?name=x", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/update", "{}", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/wait", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/resize?h=1&w=1", 404, "No such container: nosuch"),
    APICase("POST", "/containers/nosuch/attach?stream=1&stdout=1", 404),
    APICase("POST", "/containers/nosuch/exec", #"{"Cmd":["true"]}"#, 404, "No such container: nosuch"),
    APICase("GET", "/containers/nosuch/logs?stdout=1", 404, "No such container: nosuch"),
    APICase("GET", "/containers/nosuch/top", 404, "No such container: nosuch"),
    APICase("GET", "/containers/nosuch/stats?stream=0", 404, "No such container: nosuch"),
    APICase("GET", "/containers/nosuch/changes", 404, "No such container: nosuch"),
    APICase("GET", "/containers/nosuch/export", 404, "No such container: nosuch"),
    APICase("GET", "/containers/nosuch/archive?path=/", 404, "No such container: nosuch"),
    APICase("DELETE", "/containers/nosuch", 404, "No such container: nosuch"),
    APICase("POST", "/commit?container=nosuch", "{}", 404, "No such container: nosuch"),
    APICase("GET", "/images/nosuch:1/json", 404, "o such image: nosuch:1"),
    APICase("GET", "/images/nosuch:1/history", 404, "o such image: nosuch:1"),
    APICase("DELETE", "/images/nosuch:1", 404, "o such image: nosuch:1"),
    APICase("POST", "/images/nosuch:1/tag?repo=x", 404, "o such image: nosuch:1"),
    APICase("GET", "/networks/nosuch", 404, "network nosuch not found"),
    APICase("DELETE", "/networks/nosuch", 404, "network nosuch not found"),
    APICase(
      "POST", "/networks/nosuch/connect", #"{"Container":"{created}"}"#, 404, "network nosuch not found",
      notOnDocker: "connects at the next start"),
    APICase("POST", "/networks/none/disconnect", #"{"Container":"nosuch"}"#, 404, "No such container: nosuch"),
    APICase("GET", "/volumes/nosuch", 404, "nosuch: no such volume"),
    APICase("DELETE", "/volumes/nosuch", 404, "nosuch: no such volume"),
    APICase("POST", "/exec/nosuch/start", "{}", 404, "No such exec instance: nosuch"),
    APICase("GET", "/exec/nosuch/json", 404, "No such exec instance: nosuch"),
    APICase("GET", "/nosuchpath", 404, "page not found"),
    APICase("POST", "/containers/create", #"{"Image":"nosuch:1"}"#, 404, "No such image: nosuch:1"),
  ]

  @Test("what is not there", arguments: APICase.here(notThere))
  func missing(_ line: APICase) throws { try line.check() }

  static let states: [APICase] = [
    APICase("POST", "/containers/{running}/start", 304),
    APICase("POST", "/containers/{created}/stop", 304),
    APICase("POST", "/containers/{created}/kill", 409, "is not running"),
    APICase("POST", "/containers/{created}/pause", 409, "is not running"),
    APICase("POST", "/containers/{running}/unpause", 409, "is not paused", notOnDocker: "answers 500"),
    APICase("POST", "/containers/{created}/exec", #"{"Cmd":["true"]}"#, 409, "is not running"),
    APICase("GET", "/containers/{created}/top", 409, "is not running", notOnDocker: "answers 500"),
    APICase("DELETE", "/containers/{running}", 409, "cannot remove"),
    APICase("POST", "/containers/{created}/rename?name={running}", 409, "is already in use by container"),
    APICase(
      "POST", "/containers/create?name={created}", #"{"Image":"busybox"}"#, 409, "is already in use by container"),
    APICase("DELETE", "/networks/bridge", 403, "pre-defined network"),
    APICase("DELETE", "/networks/host", 403, "pre-defined network"),
    APICase("POST", "/networks/create", #"{"Name":"bridge"}"#, 403, "pre-defined", notOnDocker: "answers 409"),
    APICase("DELETE", "/images/busybox", 409, "busybox"),
  ]

  @Test("states and conflicts", arguments: APICase.here(states))
  func conflicts(_ line: APICase) throws { try line.check() }

  static let values: [APICase] = [
    APICase("POST", "/containers/create", "{", 400, "", notOnDocker: "answers 500"),
    APICase("POST", "/containers/create", "[]", 400, "", notOnDocker: "answers 500"),
    APICase("POST", "/containers/create", #""text""#, 400, "", notOnDocker: "answers 500"),
    APICase("POST", "/containers/create", "{}", 400, "", notOnDocker: "answers 400 or 500 by version"),
    APICase("POST", "/containers/create", #"{"Image":7}"#, 400, "Image", notOnDocker: "names no field"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","Cmd":{"a":1}}"#, 400, "Cmd", notOnDocker: "names no field"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"Memory":"much"}}"#, 400, "Memory",
      notOnDocker: "names no field"),
    APICase("POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"Memory":-1}}"#, 400, "emory"),
    APICase("POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"NanoCpus":-5}}"#, 400, "CPUs"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"OomScoreAdj":2000}}"#, 400, "[-1000, 1000]"),
    APICase("POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"ShmSize":-1}}"#, 400, "SHM size"),
    APICase("POST", "/containers/create", #"{"Image":"busybox","WorkingDir":"relative"}"#, 400, "absolute path"),
    APICase("POST", "/containers/create", #"{"Image":"busybox","StopSignal":"NOSUCH"}"#, 400, "nvalid signal: NOSUCH"),
    APICase("POST", "/containers/create", #"{"Image":"busybox","Env":["=x"]}"#, 400, "nvalid environment variable"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","ExposedPorts":{"99999/tcp":{}}}"#, 400, "99999",
      notOnDocker: "accepts it"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"never"}}}"#, 400,
      "restart policy"),
    APICase(
      "POST", "/containers/create",
      #"{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"always","MaximumRetryCount":3}}}"#, 400,
      "aximum retry count"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"Runtime":"nosuch"}}"#, 400, "nosuch"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"Isolation":"hyperv"}}"#, 400, "solation",
      notOnDocker: "answers 500"),
    APICase(
      "POST", "/containers/create", #"{"Image":"busybox","HostConfig":{"Binds":["a:b:c:d"]}}"#, 400,
      "invalid volume specification", notOnDocker: "answers 500"),
    APICase(
      "POST", "/containers/create",
      #"{"Image":"busybox","HostConfig":{"Mounts":[{"Type":"nonsense","Target":"/x"}]}}"#, 400, "nonsense"),
    APICase(
      "POST", "/containers/create",
      #"{"Image":"busybox","HostConfig":{"Mounts":[{"Type":"bind","Target":"/x"}]}}"#, 400, "Source"),
    APICase("POST", "/containers/create?name=-wrong", #"{"Image":"busybox"}"#, 400, "Invalid container name"),
    APICase("POST", "/containers/create?name=x", #"{"Image":"UPPER CASE"}"#, 400, "invalid reference format"),
    APICase("POST", "/containers/{created}/rename?name=", 400, "", notOnDocker: "answers 500"),
    APICase("POST", "/containers/{running}/kill?signal=NOSUCH", 400, "NOSUCH"),
    APICase("POST", "/containers/{created}/resize?h=x&w=1", 400),
    APICase("POST", "/containers/{created}/wait?condition=x", 400, "x", notOnDocker: "ignores it"),
    APICase("GET", "/containers/{created}/logs", 400, "at least one stream"),
    APICase("GET", "/containers/{created}/logs?stdout=1&since=x", 400, "", notOnDocker: "answers 500"),
    APICase("GET", "/containers/{created}/archive", 400),
    APICase("POST", "/containers/{running}/exec", #"{"Cmd":[]}"#, 400, "No exec command specified"),
    APICase("GET", "/containers/json?filters=%7B%22nonsense%22%3A%5B%22x%22%5D%7D", 400, "nvalid filter 'nonsense'"),
    APICase("GET", "/containers/json?limit=x", 400, "", notOnDocker: "answers 500"),
    APICase("GET", "/images/json?filters=%7B%22nonsense%22%3A%5B%22x%22%5D%7D", 400, "nvalid filter 'nonsense'"),
    APICase("GET", "/volumes?filters=%7B%22nonsense%22%3A%5B%22x%22%5D%7D", 400, "nvalid filter 'nonsense'"),
    APICase("GET", "/networks?filters=%7B%22nonsense%22%3A%5B%22x%22%5D%7D", 400, "nvalid filter 'nonsense'"),
    APICase("GET", "/events?until=1&filters=nojson", 400, "", notOnDocker: "answers 500"),
    APICase("POST", "/networks/create", "{}", 400, "name", notOnDocker: "answers 500"),
    APICase(
      "POST", "/networks/create", #"{"Name":"api-x","IPAM":{"Config":[{"Subnet":"10.0.0.0/99"}]}}"#, 400,
      "10.0.0.0/99", notOnDocker: "answers 500"),
    APICase("POST", "/volumes/create", #"{"Name":"a/b"}"#, 400, "a/b"),
    APICase("POST", "/images/busybox/tag?repo=UPPER", 400, "invalid reference format", notOnDocker: "answers 500"),
    APICase("PUT", "/containers/{created}/json", 405, "", notOnDocker: "answers 404"),
  ]

  @Test("wrong values", arguments: APICase.here(values))
  func wrongValues(_ line: APICase) throws { try line.check() }

  @Test(
    "versions",
    arguments: [
      ("/v1.24", 200), ("/v1.30", 200), ("/v1.41", 200), ("/v1.23", 400), ("/v1.999", 400), ("/v2.0", 400),
      ("/vx", 404), ("", 200),
    ])
  func versions(_ version: String, _ status: Int) throws {
    guard !(Target.isForeign && ["/v1.23", "/v2.0"].contains(version)) else { return }
    let answer = try EngineFixture.shared.request("GET", "/containers/json", version: version)
    #expect(answer.status == status, "\(answer.text.prefix(300))")
  }

  @Test("ping tells the version of the API")
  func ping() throws {
    let answer = try EngineFixture.shared.request("GET", "/_ping")
    #expect(answer.status == 200)
    #expect(answer.text == "OK")
    #expect(answer.headers["api-version"]?.hasPrefix("1.") == true)
    #expect(answer.headers["ostype"] == "linux")
    let head = try EngineFixture.shared.request("HEAD", "/_ping")
    #expect(head.status == 200)
  }
}
