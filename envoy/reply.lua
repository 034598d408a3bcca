-- Dernière main sur les réponses HTTP. Les réponses traversent les filtres à rebours : le transcodeur est déjà passé.

-- Motifs dont le code HTTP n'est pas celui qu'Envoy déduit du code gRPC ; server/rpc/status.py fait foi, un test compare.
local STATUS = {
  PAYLOAD_TOO_LARGE = 413,
  ROUTE_NOT_FOUND = 404,
  NO_GPU_VISIBLE = 503,
  CUDA_UNUSABLE = 503,
  GPU_BUSY = 503,
  GPU_MEMORY_INSUFFICIENT = 503,
  GPU_DIRTY = 503,
  DOWNLOAD_FAILED = 503,
  HUB_TOKEN_MISSING = 503,
  HUB_TOKEN_INVALID = 503,
  HUB_ACCESS_DENIED = 503,
  HUB_NOT_FOUND = 503,
  DISK_FULL = 503,
  INVALID_STATE = 409,
  KEYS_READ_ONLY = 409,
}

-- Motifs dont le code au schéma d'OpenAI n'est pas le motif en minuscules.
local OPENAI_CODE = {
  MISSING_API_KEY = "invalid_api_key",
  ROUTE_NOT_FOUND = "unknown_url",
  INTERNAL = "internal_error",
  QUOTA_EXHAUSTED = "insufficient_quota",
}

local OPENAI_KIND = { QUOTA_EXHAUSTED = "insufficient_quota" }
local OPENAI_TYPE = { [403] = "permission_error", [429] = "rate_limit_error" }

-- Motif d'un statut sans ErrorInfo : gRPC lui-même a répondu, aucun service n'a été atteint.
local REASON = {
  [400] = "INVALID_REQUEST",
  [401] = "INVALID_API_KEY",
  [403] = "FOREIGN_ORIGIN",
  [404] = "ROUTE_NOT_FOUND",
  [409] = "INVALID_STATE",
  [413] = "PAYLOAD_TOO_LARGE",
  [429] = "QUEUE_FULL",
  [501] = "ROUTE_NOT_FOUND",
  [503] = "CONTROL_UNAVAILABLE",
  [504] = "DEADLINE_EXCEEDED",
}

-- Octets du message d'un refus d'Envoy, au plus.
local LONGEST_MESSAGE = 1024

local DROPPED = { "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-accept-encoding", "grpc-encoding" }

-- Lecture du JSON qu'Envoy vient d'écrire : chaque valeur reste son texte, rien n'est décodé ni réencodé.

local function after_string(text, at)
  at = at + 1
  while true do
    at = text:find('["\\]', at)
    if not at then error("chaîne inachevée") end
    if text:sub(at, at) == '"' then return at + 1 end
    at = at + 2
  end
end

local function after_value(text, at)
  local first = text:sub(at, at)
  if first == '"' then return after_string(text, at) end
  if first ~= "{" and first ~= "[" then return text:find("[,%]}%s]", at) end
  local depth = 0
  repeat
    at = text:find('["{}%[%]]', at)
    local mark = text:sub(at, at)
    if mark == '"' then
      at = after_string(text, at)
    else
      depth = depth + ((mark == "{" or mark == "[") and 1 or -1)
      at = at + 1
    end
  until depth == 0
  return at
end

local function next_token(text, at)
  return text:find("[^%s:,]", at)
end

-- Champs d'un objet : nom → texte de la valeur.
local function fields(text)
  local found, at = {}, next_token(text, 2)
  while text:sub(at, at) == '"' do
    local stop = after_string(text, at)
    local name = text:sub(at + 1, stop - 2)
    at = next_token(text, stop)
    stop = after_value(text, at)
    found[name] = text:sub(at, stop - 1)
    at = next_token(text, stop)
  end
  return found
end

-- Textes des éléments d'une liste.
local function elements(text)
  local found, at = {}, next_token(text, 2)
  while text:sub(at, at) ~= "]" do
    local stop = after_value(text, at)
    found[#found + 1] = text:sub(at, stop - 1)
    at = next_token(text, stop)
  end
  return found
end

local function unquoted(text)
  return text and text:sub(2, -2) or nil
end

-- `google.rpc.Status` en JSON → ce que ses détails disent.
local function read_status(text)
  local status = fields(text)
  local found = { message = status.message or '""', metadata = "{}" }
  for _, element in ipairs(elements(status.details or "[]")) do
    local detail = fields(element)
    local kind = unquoted(detail["@type"]) or ""
    if kind:find("google.rpc.ErrorInfo", 1, true) then
      found.reason = unquoted(detail.reason)
      found.metadata = detail.metadata or "{}"
    elseif kind:find("google.rpc.RetryInfo", 1, true) then
      found.retry_after = tonumber((unquoted(detail.retry_delay) or ""):match("^[%d.]+"))
    end
  end
  return found
end

local function openai_body(code, status)
  local kind = OPENAI_KIND[status.reason] or OPENAI_TYPE[code] or (code >= 500 and "server_error" or "invalid_request_error")
  local name = OPENAI_CODE[status.reason] or status.reason:lower()
  return '{"error":{"message":' .. status.message .. ',"type":"' .. kind .. '","param":'
    .. (fields(status.metadata).field or "null") .. ',"code":"' .. name .. '"}}'
end

local function api_body(code, status)
  return '{"error":{"code":' .. code .. ',"reason":"' .. status.reason .. '","message":' .. status.message
    .. ',"metadata":' .. status.metadata .. "}}"
end

-- Refus d'Envoy, sans la valeur entière qu'il n'a pas su lire : le début de son message nomme le champ. Coupé avant tout
-- caractère échappé ou de plusieurs octets, il reste du JSON.
local function shortened(text)
  local at, start = text:find('"message":"', 1, true)
  if not at then return text end
  local stop = after_string(text, start)
  if stop - start <= LONGEST_MESSAGE then return text end
  local head = text:sub(start + 1, start + LONGEST_MESSAGE / 2):match("^[^\\]*")
  return text:sub(1, start) .. head:gsub("[\192-\255][\128-\191]*$", "") .. ' […]"' .. text:sub(stop)
end

-- Adresses des sondes, toutes noms d'un seul mot.
local PROBES = { healthz = 1, health = 1, live = 1, ping = 1, readyz = 1, ready = 1, version = 1, metrics = 1 }

-- Famille d'une adresse : le transcodeur l'aura remplacée quand viendra la réponse.
local function family(path)
  if path:find("^/v1/") then return "openai" end
  if path:find("^/api/") or PROBES[path:match("^/(%a+)")] then return "api" end
  return ""
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local shape = family(headers:get(":path") or "")
  local known = handle:streamInfo():dynamicMetadata()
  known:set("passerelle", "family", shape)
  -- Le transcodeur ne connaît que GET ; la réponse d'un HEAD n'a pas de corps.
  if shape ~= "" and headers:get(":method") == "HEAD" then
    headers:replace(":method", "GET")
    known:set("passerelle", "head", true)
  end
end

-- Réponse d'un HEAD : la longueur qu'aurait le corps, sans lui.
local function bodiless(handle)
  local body = handle:body(true)
  local length = body:length()
  body:setBytes("")
  handle:headers():replace("content-length", tostring(length))
end

local function shaped(handle, known)
  local headers = handle:headers()
  local content_type = headers:get("content-type") or ""
  if content_type:find("^application/grpc") then return end
  for _, name in ipairs(DROPPED) do headers:remove(name) end

  -- Le service a tout écrit : le code voyage à part, un flux HttpBody ne sait dire que 200.
  local written = headers:get("x-http-status")
  if written then
    headers:replace(":status", written)
    headers:remove("x-http-status")
    return
  end

  local code = tonumber(headers:get(":status"))
  local shape = known and known.family or ""
  if code < 400 or shape == "" or not content_type:find("^application/json") then return end
  local body = handle:body(true)
  local text = body:getBytes(0, body:length())
  -- convert_grpc_status commence ainsi ; une réponse locale d'Envoy a déjà sa forme.
  if not text:find('^{%s*"code"') then
    if #text > LONGEST_MESSAGE then
      local length = body:setBytes(shortened(text))
      handle:headers():replace("content-length", tostring(length))
    end
    return
  end
  local read, status = pcall(read_status, text)
  if not read then return end
  code = STATUS[status.reason] or code
  status.reason = status.reason or REASON[code] or "INTERNAL"
  -- Lire le corps a suspendu le script : les en-têtes pris avant ne valent plus.
  headers = handle:headers()
  local length = body:setBytes(shape == "openai" and openai_body(code, status) or api_body(code, status))
  headers:replace(":status", tostring(code))
  headers:replace("content-length", tostring(length))
  if status.retry_after then
    headers:replace("retry-after", tostring(math.max(1, math.ceil(status.retry_after))))
  end
end

function envoy_on_response(handle)
  local known = handle:streamInfo():dynamicMetadata():get("passerelle")
  shaped(handle, known)
  if known and known.head then bodiless(handle) end
end
