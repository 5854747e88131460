import Compose
import Dockerfile

/// One of a service's `develop.watch`, ready to judge paths.
struct WatchRule {
  /// Never looked at: the history of git, and what editors leave for a moment.
  private static let standard = [".git", "**/.git", "**/*~", "**/.#*", "**/*.swp", "**/*.swx", "**/4913"]

  let service: String
  let rule: ComposeWatchRule
  private let ignored: PatternMatcher
  private let included: PatternMatcher?

  /// Patterns are those of .dockerignore, from the rule's path.
  init(_ service: String, _ rule: ComposeWatchRule) throws(ClientError) {
    self.service = service
    self.rule = rule
    do {
      ignored = try PatternMatcher(Self.standard + rule.ignore.map(Self.relative), file: "ignore")
      included = rule.include.isEmpty ? nil : try PatternMatcher(rule.include.map(Self.relative), file: "include")
    } catch {
      throw ClientError("service '\(service)': a pattern of 'develop.watch' is wrong: \(error)")
    }
  }

  private static func relative(_ pattern: String) -> String {
    let clean = CleanPath.clean(pattern.last == "/" ? String(pattern.dropLast()) : pattern)
    return clean.hasPrefix("/") ? String(clean.dropFirst()) : clean
  }

  /// The path below the rule's; empty for that itself, nil for what the rule does not concern.
  func place(of path: String) -> String? {
    if path == rule.path { return "" }
    guard path.hasPrefix(rule.path == "/" ? "/" : rule.path + "/") else { return nil }
    let rest = String(path.dropFirst(rule.path == "/" ? 1 : rule.path.utf8.count + 1))
    if ignored.excludes(rest) { return nil }
    if let included, !included.excludes(rest) { return nil }
    return rest
  }

  /// Whether a folder cannot hold anything that concerns the rule.
  func passesOver(_ folder: String) -> Bool {
    guard folder != rule.path, folder.hasPrefix(rule.path == "/" ? "/" : rule.path + "/") else { return false }
    let rest = String(folder.dropFirst(rule.path == "/" ? 1 : rule.path.utf8.count + 1))
    return ignored.excludes(rest) && !ignored.hasExceptions
  }

  /// Where a file goes inside.
  func target(_ place: String) -> String? {
    guard let target = rule.target else { return nil }
    return place.isEmpty ? target : (target.hasSuffix("/") ? target : target + "/") + place
  }
}

/// What a service needs after files have changed.
struct WatchWork: Equatable {
  var rebuilds = false
  var restarts = false
  /// Where each changed file goes inside.
  var files: [String: String] = [:]
  var commands: [ComposeHooks.Command] = []

  /// By service. What is built anew needs nothing else.
  static func of(_ paths: some Sequence<String>, by rules: [WatchRule]) -> [String: WatchWork] {
    var all: [String: WatchWork] = [:]
    for path in paths {
      for rule in rules {
        guard let place = rule.place(of: path) else { continue }
        var work = all[rule.service] ?? WatchWork()
        switch rule.rule.action {
        case .rebuild: work.rebuilds = true
        case .restart: work.restarts = true
        case .sync, .syncAndRestart, .syncAndExec:
          work.files[path] = rule.target(place)
          if rule.rule.action == .syncAndRestart { work.restarts = true }
          if let command = rule.rule.exec, rule.rule.action == .syncAndExec, !work.commands.contains(command) {
            work.commands.append(command)
          }
        }
        all[rule.service] = work
      }
    }
    return all.mapValues { $0.rebuilds ? WatchWork(rebuilds: true) : $0 }
  }
}
