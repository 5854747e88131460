import ArgumentParser
import Model
import Testing

@testable import bulkhead

/// What is told of command lines that are wrong, and help that fits a terminal.
@Suite struct CommandLineTests {
  @Test(
    arguments: [
      (["prject", "ls"], "unknown command 'bulkhead prject': did you mean 'project'? 'bulkhead --help' lists"),
      (["project", "list"], "unknown command 'bulkhead project list': did you mean 'ls'? 'bulkhead project --help'"),
      (["project", "member", "delete"], "unknown command 'bulkhead project member delete': did you mean 'rm'?"),
      (["help", "rgistry"], "unknown command 'bulkhead rgistry': did you mean 'registry'?"),
      (["replication", "sl"], "unknown command 'bulkhead replication sl': 'bulkhead replication --help' lists"),
      (["network", "sl"], "unknown command 'bulkhead network sl': did you mean 'ls'?"),
      (["diff", "a"], "unknown command 'bulkhead diff': use docker on the engine's socket; "),
      (["repl"], "unknown command 'bulkhead repl': did you mean 'replication'?"),
      (["foo"], "unknown command 'bulkhead foo': 'bulkhead --help' lists"), ([""], "unknown command 'bulkhead ': "),
    ])
  func `a command that there is none of is told with what may have been meant`(words: [String], message: String) throws
  {
    let failure = try #require(UnknownCommand.find(in: words))
    #expect(failure.message.hasPrefix(message), "\(failure.message)")
    #expect(failure.exitCode == ExitStatus.usage)
  }

  @Test(
    arguments: [
      ["ps"], ["run", "nix"], ["project", "ls"], ["project", "rm", "list"], ["project"], ["help"], ["help", "project"],
      ["--help"], ["project", "--server", "x", "list"], [], ["volume", "schedule", "data"],
    ])
  func `commands that there are, and what is no command, are left to the parser`(words: [String]) {
    #expect(UnknownCommand.find(in: words) == nil)
  }

  @Test(
    arguments: [
      ("", "", 0), ("ls", "sl", 1), ("ls", "ls", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1),
    ])
  func `distances of words`(first: String, second: String, distance: Int) {
    #expect(EditDistance.between(first, second) == distance && EditDistance.between(second, first) == distance)
  }

  /// What the parser makes of a command line, without its building the tree of all commands each time.
  static func parse(_ words: [String]) throws -> any ParsableCommand {
    var command: any ParsableCommand.Type = Bulkhead.self
    var rest = words[...]
    while let word = rest.first, let next = command.configuration.subcommands.first(where: { $0._commandName == word })
    {
      command = next
      rest = rest.dropFirst()
    }
    return try command.parse(Array(rest))
  }

  /// Every command of the tree, with the words that lead to it.
  private static func all(
    _ command: any ParsableCommand.Type = Bulkhead.self, _ path: [String] = []
  ) -> [(path: [String], command: any ParsableCommand.Type)] {
    [(path, command)]
      + command.configuration.subcommands.flatMap { all($0, path + [$0._commandName]) }
  }

  @Test func `help fits 80 columns, and names each command as it is called`() {
    for (path, command) in Self.all() {
      let help = HelpText.wrapped(command.helpMessage(columns: HelpText.columns))
      let long = help.split(separator: "\n").filter { $0.count > HelpText.columns }
      #expect(long.isEmpty, "\(path)")
      let isNamed =
        help.contains("USAGE: \(command._commandName)")
        || help.contains("USAGE: bulkhead \(path.joined(separator: " "))")
      #expect(isNamed, "\(help)")
    }
  }

  @Test func `usage is broken between options only`() {
    let usage =
      "USAGE: bulkhead x [--first-option <value> ...] --second-option <second> (--third | --fourth) <names> ..."
    #expect(
      HelpText.wrapped("a\n\(usage)\nb") == """
        a
        USAGE: bulkhead x [--first-option <value> ...] --second-option <second>
                 (--third | --fourth) <names> ...
        b
        """)
    #expect(HelpText.wrapped("USAGE: short\n\n") == "USAGE: short\n\n")
  }

  @Test(
    arguments: [
      ["audit", "--since", "yesterday"], ["project", "create", "--quota", "much", "x"],
      ["project", "create", "--remote-path", "a", "x"], ["project", "settings", "--retain", "*", "x"],
      ["project", "settings", "--quota=-1", "x"], ["replication", "peer", "set", "--password-stdin", "x", "y"],
      [
        "replication", "rule", "set", "--direction", "push", "--peer", "p", "--project", "t", "--trigger", "often", "r",
      ],
      ["registry", "rm", "x"], ["registry", "artifacts", "x"], ["trust", "--root", "/tmp", "../x"],
      ["user", "ls", "--server", "tcp://1.2.3.4:1"], ["token", "rm", ""], ["ps", "--filter", "x"],
      ["run", "-p", "x", "busybox"], ["run", "-m", "x", "busybox"], ["run", "--mount", "type=bind", "busybox"],
      ["login", "--password-stdin"], ["network", "create", "--gateway", "10.0.0.1", "--gateway", "10.1.0.1", "x"],
      ["inspect", "--type", "x", "y"],
    ])
  func `a wrong value ends with the code of a wrong command line, before anything is asked`(words: [String]) throws {
    // Where nothing listens: a command that asks first fails with another code.
    let nowhere = ["ps", "run", "login", "network", "inspect"].contains(words[0]) ? "--host" : "--server"
    let place = words.contains("--server") || words[0] == "login" ? [] : [nowhere, "/nowhere.sock"]
    let options = words[0] == "run" ? [words[0]] + place + words.dropFirst() : words + place
    #expect {
      var command = try Self.parse(options)
      try command.run()
    } throws: { error in
      (error as? ClientError)?.exitCode == ExitStatus.usage
    }
  }

  @Test(
    arguments: [
      ["user", "ls", "--format", "{{.Name"], ["robot", "create", "--format", "{{secret}}", "team", "ci"],
      ["ps", "--format", "{{range .}}"], ["project", "inspect", "--format", "{{", "team"],
    ])
  func `a format that is none is refused by the parser`(words: [String]) {
    #expect {
      _ = try Self.parse(words)
    } throws: { error in
      Bulkhead.exitCode(for: error).rawValue == ExitStatus.usage
        && Bulkhead.fullMessage(for: error).hasPrefix("Error: invalid --format: ")
    }
  }

  @Test func `a container's own failure keeps its code, a wrong command line keeps 64`() {
    #expect(ClientError("x").with(exitCode: 125).exitCode == 125)
    #expect(ClientError.usage("x").with(exitCode: 125).exitCode == 64)
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `completion knows every command`(shell: String) throws {
    let kind = try #require(CompletionShell(rawValue: shell))
    let script = Bulkhead.completionScript(for: kind)
    for (path, _) in Self.all() where !path.isEmpty {
      let isKnown =
        shell == "fish"
        ? script.contains(path[path.count - 1]) : script.contains("_bulkhead_" + path.joined(separator: "_"))
      #expect(isKnown, "\(path)")
    }
  }
}
