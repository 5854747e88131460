import ArgumentParser
import Model

/// Finds a command that there is none of, and what was probably meant by it.
enum UnknownCommand {
  /// What other programs call the commands.
  private static let otherNames = [
    "add": "create", "cat": "inspect", "delete": "rm", "edit": "set", "list": "ls", "make": "create", "new": "create",
    "password": "passwd", "remove": "rm", "show": "inspect",
  ]
  /// What docker has and this client does not: it works with docker on the same socket.
  private static let dockersOnly: Set<String> = ["commit", "diff", "export", "update"]

  /// Follows the words of a command line from command to command; nil where each is one, up to the first option.
  static func find(in arguments: [String], below root: any ParsableCommand.Type = Bulkhead.self) -> ClientError? {
    let isHelp = arguments.first == "help"
    var command = root
    var path = root._commandName
    for word in isHelp ? arguments.dropFirst() : arguments[...] {
      let subcommands = command.configuration.subcommands
      guard !subcommands.isEmpty, !word.hasPrefix("-") else { return nil }
      guard let next = subcommands.first(where: { names(of: $0).contains(word) }) else {
        // `volume schedule NAME`: the word is what its usual command is about.
        if command == VolumeSchedule.self { return nil }
        let known = subcommands.flatMap(names)
        var advice = likely(word, among: known).map { "did you mean '\($0)'? " } ?? ""
        if command == root, dockersOnly.contains(word) { advice = "use docker on the engine's socket; " }
        return .usage("unknown command '\(path) \(word)': \(advice)'\(path) --help' lists those that there are")
      }
      command = next
      path += " " + next._commandName
    }
    return nil
  }

  private static func names(of command: any ParsableCommand.Type) -> [String] {
    [command._commandName] + command.configuration.aliases
  }

  /// The name that is nearest to a word, if one is near.
  static func likely(_ word: String, among names: [String]) -> String? {
    if let other = otherNames[word], names.contains(other) { return other }
    if let near = EditDistance.nearest(to: word, among: names) { return near }
    let begun = names.filter { $0.hasPrefix(word) }
    return begun.count == 1 ? begun[0] : nil
  }
}
