// What a rule puts into requests that the agent never sees (`inject`), and where secrets come from (`secrets`): names
// only. Values are in no snapshot of a policy.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// A value with "${secret:NAME}" in it, in pieces: each is plain text, or the name of a secret.
struct SecretText {
  enum class Kind { plain, secret };
  struct Piece {
    Kind kind = Kind::plain;
    std::string text;
    friend bool operator==(const Piece&, const Piece&) = default;
  };
  std::vector<Piece> pieces;
  friend bool operator==(const SecretText&, const SecretText&) = default;
};

// One entry of a rule's `inject`.
struct Injection {
  enum class Kind {
    header,       // field `name` is `value`, whatever the agent sent
    basic,        // Authorization: Basic of `user`:`value`
    query,        // parameter `name` is `value`, whatever the agent sent
    placeholder,  // nothing is added: "sallyport-secret:NAME" is replaced where the agent wrote it
  };
  Kind kind = Kind::header;
  std::string name;  // of the field or parameter; empty for basic and placeholder
  SecretText user;   // basic only
  SecretText value;  // header, basic (the password), query; of a placeholder the one secret
  std::string rule;  // file:line of the rule

  // The secrets it uses, each once. In a request that this injection is for, their placeholders are replaced too.
  std::vector<std::string> secrets() const;
  // "secret github as header Authorization", "… as basic auth", "… as query parameter key", "… in place of its
  // placeholder": for people; never a value.
  std::string text() const;

  friend bool operator==(const Injection&, const Injection&) = default;
};

// Fields that say where a request goes, where it ends or what the connection is: they are Sallyport's to write, and no
// secret has a place in them.
bool is_framing_field(std::string_view name);

// One entry of `secrets:`.
struct SecretSource {
  enum class Kind { environment, file, command };
  std::string name;
  Kind kind = Kind::environment;
  std::string place;                               // the variable, or the file's full path
  std::vector<std::string> command;                // what is run, without a shell; its first line is the value
  std::optional<std::chrono::milliseconds> every;  // a command is run again so often; else only on start and reload
  std::string where;                               // "policy.yaml:30"
  friend bool operator==(const SecretSource&, const SecretSource&) = default;
};

}  // namespace sallyport
