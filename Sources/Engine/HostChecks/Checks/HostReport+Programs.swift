extension HostReport {
  static func programChecks(_ facts: HostFacts) -> [HostCheck] {
    [runtime(facts), sandboxRuntime(facts)] + [
      program(
        facts, "conmon", "Container supervisor", .fail, package: "conmon", use: "no container can be started without it"
      ),
      initProgram(facts),
      program(
        facts, "mmdebstrap", "Base images from Debian", .info, package: "mmdebstrap",
        use: "'bulkhead image bootstrap' needs it"),
      program(
        facts, "git", "Repositories in builds", .info, package: "git", use: "ADD of git repositories needs it"),
      otherEngines(facts),
    ]
  }

  private static func describe(_ name: String, _ program: HostFacts.Program) -> String {
    let version = program.version.map { " (\($0))" } ?? ""
    return "\(name) at \(program.path)\(version)"
  }

  private static func program(
    _ facts: HostFacts, _ name: String, _ title: String, _ missing: HostCheck.Status, package: String, use: String
  ) -> HostCheck {
    guard let program = facts.programs[name] else {
      return HostCheck(name, title, missing, "\(name) is not installed: \(use)", advice: "'apt-get install \(package)'")
    }
    return HostCheck(name, title, .ok, describe(name, program))
  }

  private static func runtime(_ facts: HostFacts) -> HostCheck {
    let title = "OCI runtime"
    if let crun = facts.programs["crun"] { return HostCheck("runtime", title, .ok, describe("crun", crun)) }
    if let runc = facts.programs["runc"] {
      return HostCheck(
        "runtime", title, .warn, describe("runc", runc) + "; crun starts containers several times faster",
        advice: "'apt-get install crun'")
    }
    return HostCheck(
      "runtime", title, .fail, "neither crun nor runc is installed: no container can be started",
      advice: "'apt-get install crun'")
  }

  private static func sandboxRuntime(_ facts: HostFacts) -> HostCheck {
    let title = "Sandboxed runtime"
    guard let program = facts.programs["runsc"] else {
      return HostCheck(
        "runsc", title, .info, "runsc (gVisor) is not installed",
        advice: "install it for containers that you trust least")
    }
    return HostCheck("runsc", title, .ok, describe("runsc", program))
  }

  private static func initProgram(_ facts: HostFacts) -> HostCheck {
    let title = "Init program (--init)"
    for name in ["catatonit", "tini-static", "tini", "docker-init"] {
      if let program = facts.programs[name] { return HostCheck("init", title, .ok, describe(name, program)) }
    }
    return HostCheck(
      "init", title, .warn, "none installed: 'docker run --init' does not work", advice: "'apt-get install catatonit'")
  }

  private static func otherEngines(_ facts: HostFacts) -> HostCheck {
    let title = "Other container engines"
    guard !facts.otherEngines.isEmpty else { return HostCheck("other-engines", title, .ok, "none running") }
    return HostCheck(
      "other-engines", title, .info, facts.otherEngines.joined(separator: ", "),
      advice: "they can run beside Bulkhead; point clients at the right socket (DOCKER_HOST)")
  }
}
