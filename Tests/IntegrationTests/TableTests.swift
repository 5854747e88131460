import Testing

/// What a user of the docker CLI sees: the tables below `Cases/`, one test for each file.
@Suite("docker CLI", .enabled(if: Target.canServe))
struct TableTests {
  @Test("run: process, user, name", arguments: CaseFile.cases("run-process"))
  func runProcess(_ line: ShellCase) throws { try line.check() }

  @Test("run: limits", arguments: CaseFile.cases("run-limits"))
  func runLimits(_ line: ShellCase) throws { try line.check() }

  @Test("run: security", arguments: CaseFile.cases("run-security"))
  func runSecurity(_ line: ShellCase) throws { try line.check() }

  @Test("run: namespaces", arguments: CaseFile.cases("run-namespaces"))
  func runNamespaces(_ line: ShellCase) throws { try line.check() }

  @Test("life cycle, wait, top, stats, diff", arguments: CaseFile.cases("lifecycle"))
  func lifecycle(_ line: ShellCase) throws { try line.check() }

  @Test("exec", arguments: CaseFile.cases("exec"))
  func exec(_ line: ShellCase) throws { try line.check() }

  @Test("logs", arguments: CaseFile.cases("logs"))
  func logs(_ line: ShellCase) throws { try line.check() }

  @Test("cp and export", arguments: CaseFile.cases("copy"))
  func copy(_ line: ShellCase) throws { try line.check() }

  @Test("volumes and mounts", arguments: CaseFile.cases("volumes"))
  func volumes(_ line: ShellCase) throws { try line.check() }

  @Test("volumes copied as a whole", .enabled(if: Target.canStart), arguments: CaseFile.cases("volume-archives"))
  func volumeArchives(_ line: ShellCase) throws { try line.check(deadlineSeconds: 240) }

  @Test("images", arguments: CaseFile.cases("images"))
  func images(_ line: ShellCase) throws { try line.check() }

  @Test("contexts of builds", arguments: CaseFile.cases("build-context"))
  func buildContext(_ line: ShellCase) throws { try line.check() }

  @Test("builds", arguments: CaseFile.cases("build"))
  func build(_ line: ShellCase) throws { try line.check() }

  @Test("rights of builds", .enabled(if: Target.canStart), arguments: CaseFile.cases("build-rights"))
  func buildRights(_ line: ShellCase) throws { try line.check() }

  @Test("networks", arguments: CaseFile.cases("networks"))
  func networks(_ line: ShellCase) throws { try line.check() }

  @Test("published ports", arguments: CaseFile.cases("ports"))
  func ports(_ line: ShellCase) throws { try line.check() }

  @Test("ps, events, prune, df", arguments: CaseFile.cases("lists"))
  func lists(_ line: ShellCase) throws { try line.check() }

  @Test("health checks and restart policies", arguments: CaseFile.cases("health"))
  func health(_ line: ShellCase) throws { try line.check() }

  @Test("attacks from inside", arguments: CaseFile.cases("attacks"))
  func attacks(_ line: ShellCase) throws { try line.check() }

  @Test("the client of our own", .enabled(if: Target.canStart), arguments: CaseFile.cases("client"))
  func client(_ line: ShellCase) throws { try line.check() }

  @Test("the client and the server", .enabled(if: Target.canStart), arguments: CaseFile.cases("server"))
  func server(_ line: ShellCase) throws { try line.check() }

  @Test("isolation and policy", .enabled(if: Target.canStart), arguments: CaseFile.cases("isolation"))
  func isolation(_ line: ShellCase) throws { try line.check() }
}
