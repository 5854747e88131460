import HTTPServing

extension Kind {
  /// What a client sent as an object of this kind, with its defaults. What it may leave out (kind and version) is put in; what the
  /// kind does not know is refused, told or dropped.
  ///
  /// Throws `StatusError` (400).
  public func accept(
    _ body: JSONValue, _ validation: WriteOptions.FieldValidation, _ warnings: inout [String]
  ) throws -> JSONValue {
    guard body.isObject else {
      throw StatusError.badRequest(
        "the request's body is \(body.kindName), expected an object of the kind \(name.kind)")
    }
    if !body.apiVersion.isEmpty, body.apiVersion != name.apiVersion {
      throw StatusError.badRequest(
        "the API version in the data (\(body.apiVersion)) does not match the expected API version (\(name.apiVersion))")
    }
    if !body.kind.isEmpty, body.kind != name.kind {
      throw StatusError.badRequest(
        "\(body.kind) in version \"\(name.version)\" cannot be handled as a \(name.kind):"
          + " the kind in the data does not match the address")
    }
    var object = try read(body, validation, &warnings)
    let rest = object.members.filter { $0.name != "kind" && $0.name != "apiVersion" }
    object = .object([("kind", .string(name.kind)), ("apiVersion", .string(name.apiVersion))] + rest)
    applyDefaults(to: &object)
    return object
  }

  private func read(
    _ body: JSONValue, _ validation: WriteOptions.FieldValidation, _ warnings: inout [String]
  ) throws -> JSONValue {
    do {
      let read = try read(body)
      if !read.complaints.isEmpty {
        switch validation {
        case .ignore: break
        case .warn: warnings += read.complaints
        case .strict: throw strictRefusal(read.complaints)
        }
      }
      return read.object
    } catch let error as DocumentError {
      throw StatusError.badRequest(error.message)
    }
  }

  /// The account of who sets which fields.
  func management(_ part: ObjectService.Part) -> FieldManagement {
    FieldManagement(
      name, schema, subresource: part.subresource, ignoring: hasStatus && part == .whole ? [["status"]] : [])
  }

  /// The object with the account of its fields as it is after this change.
  func tracked(
    _ object: JSONValue, old: JSONValue?, _ part: ObjectService.Part, _ options: WriteOptions, at now: Timestamp
  ) -> JSONValue {
    management(part).update(live: old, new: object, manager: options.managerOrAgent, time: now.text)
  }
}
