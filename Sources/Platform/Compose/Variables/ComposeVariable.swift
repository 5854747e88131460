/// A variable that a project's files name.
public struct ComposeVariable: Sendable, Hashable {
  public var name: String
  /// It has to be set (`${V:?…}`).
  public var isRequired = false
  /// As it is written, variables in it too: `${V:-d}`.
  public var fallback: String?
  /// `${V:+r}`
  public var alternative: String?
}

extension ComposeLoader {
  /// The variables of all files, by name; of several uses of one the first that says more than the name.
  public func variables(_ request: ComposeRequest) throws(ComposeFaults) -> [ComposeVariable] {
    var request = request
    request.interpolates = false
    let value = try canonical(request).value
    return try Self.whole(FaultCollector()) { () throws(ComposeFault) in
      var found: [String: ComposeVariable] = [:]
      try Self.collect(value, into: &found)
      return found.values.sorted { $0.name < $1.name }
    }
  }

  private static func collect(
    _ value: ComposeValue, into found: inout [String: ComposeVariable]
  ) throws(ComposeFault) {
    switch value {
    case .string(let text):
      let variables: [ComposeVariable]
      do {
        variables = try Interpolation.variables(in: text)
      } catch {
        throw error.fault(at: ComposeLocation(file: "compose", line: 1, column: 1), key: "", text: text)
      }
      for variable in variables {
        let known = found[variable.name]
        if known == nil || known == ComposeVariable(name: variable.name) { found[variable.name] = variable }
      }
    case .list(let items): for item in items { try collect(item, into: &found) }
    case .map(let members): for key in members.keys.sorted() { try collect(members[key] ?? .null, into: &found) }
    case .null, .bool, .number: break
    }
  }
}
