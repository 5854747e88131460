import HTTPServing

/// One route of the management API, described. The table of all is `APIDocument.operations`.
struct APIOperation: Sendable {
  /// A parameter of the query.
  struct Parameter: Sendable {
    let name: String
    let schema: DocumentValue

    init(_ name: String, _ schema: DocumentValue) {
      self.name = name
      self.schema = schema
    }

    /// Those of every list that comes in pages.
    static let paging = [
      Parameter("limit", .integer("Entries of a page; 100 when not given", in: 1...1_000)),
      Parameter("after", .string("The last entry of the page before")),
    ]
  }

  /// What comes back when all went well.
  enum Answer: Sendable {
    case nothing
    case json(DocumentValue)
    case created(DocumentValue)
    /// A list in pages: the answer's `Link` leads to the next.
    case page(of: DocumentValue)
    /// Something else, by its media type.
    case other(String, DocumentValue)
  }

  enum Group: String, Sendable, CaseIterable {
    case accounts, projects, registry, replication, audit, server
  }

  let method: HTTPMethod
  /// The route's pattern, below `APIDocument.prefix`.
  let path: String
  let id: String
  let group: Group
  let summary: String
  var query: [Parameter] = []
  var body: DocumentValue?
  let answer: Answer
  /// Answered without credentials, too.
  var isOpen = false

  init(
    _ method: HTTPMethod, _ path: String, _ id: String, _ group: Group, _ summary: String, query: [Parameter] = [],
    body: DocumentValue? = nil, gives answer: Answer, isOpen: Bool = false
  ) {
    self.method = method
    self.path = path
    self.id = id
    self.group = group
    self.summary = summary
    self.query = query
    self.body = body
    self.answer = answer
    self.isOpen = isOpen
  }

  // MARK: - As OpenAPI has it

  var value: DocumentValue {
    var value: DocumentValue = [
      "operationId": .text(id), "tags": [.text(group.rawValue)], "summary": .text(summary),
      "responses": responses,
    ]
    let parameters = pathParameters + query.map(Self.value)
    if !parameters.isEmpty { value = value.with(["parameters": .list(parameters)]) }
    if let body {
      value = value.with(["requestBody": ["required": true, "content": ["application/json": ["schema": body]]]])
    }
    // An empty requirement: none is needed (OpenAPI 3.1, *Security Requirement Object*).
    return isOpen ? value.with(["security": [["basic": []], [:]]]) : value
  }

  private var pathParameters: [DocumentValue] {
    path.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
      [
        "name": .text(String(part.dropFirst().dropLast())), "in": "path", "required": true,
        "schema": ["type": "string"],
      ]
    }
  }

  private static func value(_ parameter: Parameter) -> DocumentValue {
    ["name": .text(parameter.name), "in": "query", "schema": parameter.schema]
  }

  private var responses: DocumentValue {
    let problem: DocumentValue = ["$ref": "#/components/responses/Problem"]
    switch answer {
    case .nothing: return ["204": ["description": "Done."], "default": problem]
    case .json(let schema):
      return ["200": Self.response("Done.", "application/json", schema), "default": problem]
    case .created(let schema):
      return ["201": Self.response("Made.", "application/json", schema), "default": problem]
    case .page(let entry):
      let link: DocumentValue = [
        "Link": ["description": "Leads to the next page (RFC 8288, rel=\"next\").", "schema": ["type": "string"]]
      ]
      return [
        "200": Self.response("A page.", "application/json", .array(entry)).with(["headers": link]), "default": problem,
      ]
    case .other(let type, let schema): return ["200": Self.response("Done.", type, schema), "default": problem]
    }
  }

  private static func response(_ description: String, _ type: String, _ schema: DocumentValue) -> DocumentValue {
    ["description": .text(description), "content": .object([type: ["schema": schema]])]
  }
}
