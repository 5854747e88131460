/// Why a configuration was not applied.
public enum ApplyError: Error, Sendable, Equatable {
  /// Others own fields that would change, and the client does not insist: 409, `Conflict`.
  case conflict([FieldConflict])
  /// The configuration is none for this object: 400.
  case invalid(String)

  public var message: String {
    switch self {
    case .invalid(let message): return message
    case .conflict(let conflicts):
      if conflicts.count == 1 { return "Apply failed with 1 conflict: \(conflicts[0].message): \(conflicts[0].path)" }
      var lines: [String] = []
      var manager = ""
      for conflict in conflicts {
        if conflict.manager != manager { lines.append("conflicts with \(conflict.manager):") }
        manager = conflict.manager
        lines.append("- \(conflict.path)")
      }
      return "Apply failed with \(conflicts.count) conflicts: \(lines.joined(separator: "\n"))"
    }
  }
}

/// A field that another manager owns. Becomes a cause of the type `FieldManagerConflict`.
public struct FieldConflict: Sendable, Equatable {
  /// As messages name it: `"a"`, `"kubectl" with subresource "scale" using apps/v1`.
  public let manager: String
  /// `.spec.template.spec.containers[name="web"].image`.
  public let path: String

  public var message: String { "conflict with \(manager)" }

  init(_ manager: ManagedFields.Manager, _ path: [PathElement]) {
    var text = GoText.quoted(manager.name)
    if !manager.subresource.isEmpty { text += " with subresource \(GoText.quoted(manager.subresource))" }
    if manager.operation == .update { text += " using \(manager.apiVersion)" }
    self.manager = text
    self.path = path.map(\.shown).joined()
  }
}
