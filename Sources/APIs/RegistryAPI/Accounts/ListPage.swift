import HTTPServing
import Model

/// The part of a list that a request asks for: `limit` entries (1 to 1000, 100 unless told otherwise) behind the one whose
/// id is `after`. Where there is more, the answer has a `Link` to the next part with `rel="next"` (RFC 8288).
struct ListPage {
  static let defaultLimit = 100
  static let limits = 1...1_000
  private static let maximumIDBytes = 512

  let limit: Int
  let after: String?
  private let request: HTTPRequest

  /// Throws `invalidArgument`, naming the parameter and its value.
  init(_ request: HTTPRequest) throws {
    self.request = request
    if let text = request.query["limit"] {
      guard let number = Int(text), Self.limits.contains(number) else {
        throw PlatformError(
          .invalidArgument,
          "parameter 'limit': '\(text.prefix(40))' is no number from \(Self.limits.lowerBound) to "
            + "\(Self.limits.upperBound)")
      }
      limit = number
    } else {
      limit = Self.defaultLimit
    }
    after = request.query["after"]
    guard (after?.utf8.count ?? 0) <= Self.maximumIDBytes else {
      throw PlatformError(.invalidArgument, "parameter 'after': it has more than \(Self.maximumIDBytes) bytes")
    }
  }

  /// The answer out of a whole list, which is ordered by its ids.
  func answer<Entry: Encodable>(_ all: [Entry], id: (Entry) -> String) throws -> HTTPResponse {
    let rest = after.map { after in all.drop { id($0) <= after } } ?? all[...]
    let page = Array(rest.prefix(limit))
    return try answer(page: page, next: rest.count > page.count ? page.last.map(id) : nil)
  }

  /// The answer with entries that were picked already. `next`: the id of the last of them, where more follow; nil else.
  /// `cursor`: the parameter that names the place in the list.
  func answer<Entry: Encodable>(page: [Entry], next: String?, cursor: String = "after") throws -> HTTPResponse {
    var response = try ManagementAPI.json(page)
    guard let next else { return response }
    var items = [("limit", String(limit)), (cursor, next)]
    for name in request.query.names.sorted() where name != "limit" && name != cursor {
      items += request.query.all(name).map { (name, $0) }
    }
    let query = items.map { "\(PercentCoding.encode($0.0))=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
    response.headers.add(name: "Link", value: "<\(request.rawPath)?\(query)>; rel=\"next\"")
    return response
  }
}
