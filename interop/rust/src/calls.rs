//! Calls and their results as JSON; byte strings are in base64.

use crate::Failure;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use simd_r_drive::utils::NamespaceHasher;
use simd_r_drive_ws_client::{AsyncDataStoreReader, AsyncDataStoreWriter, WsClient};

/// Runs one call.
pub async fn run(client: &WsClient, call: &Value) -> Result<Value, Failure> {
    let key = decode(&call["key"])?;
    Ok(match call["op"].as_str().ok_or("no op")? {
        "write" => json!({"number": client.write(&key, &decode(&call["value"])?).await?}),
        "read" => json!({"value": encode(client.read(&key).await?)}),
        "delete" => json!({"number": client.delete(&key).await?}),
        "exists" => json!({"yes": client.exists(&key).await?}),
        "len" => json!({"number": client.len().await?}),
        "is_empty" => json!({"yes": client.is_empty().await?}),
        "file_size" => json!({"number": client.file_size().await?}),
        "batch_write" => {
            let keys = decode_list(&call["keys"])?;
            let values = decode_list(&call["values"])?;
            let entries: Vec<(&[u8], &[u8])> = keys
                .iter()
                .zip(&values)
                .map(|(key, value)| (key.as_slice(), value.as_slice()))
                .collect();
            json!({"number": client.batch_write(&entries).await?})
        }
        "batch_read" => {
            let keys = decode_list(&call["keys"])?;
            let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            let values = client.batch_read(&keys).await?;
            json!({"values": values.into_iter().map(encode).collect::<Vec<_>>()})
        }
        "namespace" => {
            let hasher = NamespaceHasher::new(&decode(&call["namespace"])?);
            json!({"value": encode(Some(hasher.namespace(&key)))})
        }
        op => return Err(format!("unknown op {op}").into()),
    })
}

/// Decodes a byte string; one that is missing is empty.
fn decode(value: &Value) -> Result<Vec<u8>, Failure> {
    Ok(BASE64_STANDARD.decode(value.as_str().unwrap_or_default())?)
}

/// Decodes a list of byte strings; one that is missing is empty.
fn decode_list(list: &Value) -> Result<Vec<Vec<u8>>, Failure> {
    list.as_array().into_iter().flatten().map(decode).collect()
}

/// Encodes a value that may be missing.
fn encode(value: Option<Vec<u8>>) -> Value {
    value.map_or(Value::Null, |bytes| BASE64_STANDARD.encode(bytes).into())
}
