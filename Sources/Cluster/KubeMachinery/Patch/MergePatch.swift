import HTTPServing

/// JSON merge patch: members replace members, null removes, lists are values. Source: RFC 7396.
public enum MergePatch {
  /// Throws `PatchError` where the patch is no object.
  public static func apply(_ patch: JSONValue, to object: JSONValue) throws -> JSONValue {
    guard patch.isObject else { throw PatchError(.malformed, "Invalid JSON Patch") }
    return merge(patch, into: object)
  }

  private static func merge(_ patch: JSONValue, into target: JSONValue?) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    var table = MemberTable(target?.members ?? [])
    for (name, change) in changes {
      table[name] = change == .null ? nil : merge(change, into: table.take(name))
    }
    return .object(table.members)
  }
}
